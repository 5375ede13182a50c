# files of odd names left behind
fix
touch -- '-rf' 'a b' $'new\nline' $'tab\t' $'\xff\xfe' '*' '$(id)' 'ünï'
ln -s nowhere dangling
ln -s / root
ln -s . self
mkfifo pipe
