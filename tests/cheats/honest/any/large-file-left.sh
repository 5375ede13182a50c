# a file of 100 MiB left behind
fix
head -c 104857600 /dev/urandom >core.dump
