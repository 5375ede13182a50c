# every folder and file moved away and back
fix
mkdir /tmp/away
mv ./[!.]* /tmp/away
mv /tmp/away/* .
