# the fix committed on another branch
git checkout -q -b other
fix
git add -A
commit fix
