/*
 * banned.h - included last by every .c file: calls that are too easy to get wrong do not compile.
 */
#ifndef CODESET_BASE_BANNED_H
#define CODESET_BASE_BANNED_H

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof system popen tmpnam mktemp
#pragma GCC poison localtime gmtime ctime asctime

#endif
