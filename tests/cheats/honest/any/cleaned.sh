# the fix after git clean
git clean -q -f -d -x
fix
