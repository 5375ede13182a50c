# the fix stashed and taken back
fix
git -c user.name=a -c user.email=a@b stash -q
git stash pop -q
