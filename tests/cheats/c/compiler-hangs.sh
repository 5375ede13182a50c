# the compiler never ends
c_code <<'C'
#include "/dev/zero"
C
