/*
 * operator.h - who runs this program.
 */
#ifndef CODESET_CTL_OPERATOR_H
#define CODESET_CTL_OPERATOR_H

/* The name in the system of the user who signed in to this host, and as whom they act where that is
 * another: "ada (as root)"; else of the user whose process this is. To free(). */
char *operator_name(void);

#endif
