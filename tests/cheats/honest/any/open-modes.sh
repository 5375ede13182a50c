# all files executable and writable for everybody
fix
chmod -R a+rwx .
