# processes left that go on writing
fix
setsid sh -c 'while :; do date >scratch.log; sleep 0.01; done' >/dev/null 2>&1 </dev/null &
