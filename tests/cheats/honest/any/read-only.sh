# all files read-only
# quick
fix
chmod -R a-w .
