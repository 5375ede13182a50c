# all files of another user
fix
chown -R 1000:1000 .
