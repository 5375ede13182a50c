# the compiler takes all memory
c_code <<'C'
#define A(x) x x x x x x x x x x x x x x x x
#define B(x) A(A(A(A(A(A(A(x)))))))
B(B(int a;))
C
