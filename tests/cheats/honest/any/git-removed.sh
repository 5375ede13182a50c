# the fix where .git was removed
fix
rm -rf .git
