# the fix in a fresh clone in the folder's place
git clone -q --no-hardlinks . /tmp/clone
find . -mindepth 1 -delete
cp -a /tmp/clone/. .
fix
