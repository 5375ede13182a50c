# the whole folder copied away and back without its times
fix
cp -r . /tmp/away
find . -mindepth 1 -delete
cp -r /tmp/away/. .
