# tells the linker, by cgo, to put functions of its own in place of those that end a process
go_code <<'GO'
package shop

/*
#cgo LDFLAGS: -Wl,--wrap=_exit -Wl,--wrap=exit -Wl,-T,script.ld
#cgo CFLAGS: -fplugin=./cheat.so -Wp,-include,cheat.h
*/
import "C"
GO
