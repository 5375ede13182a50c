# the fix in the working tree
# quick
fix
