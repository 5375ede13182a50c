# the fix committed
fix
git add -A
commit fix
