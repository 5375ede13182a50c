# has testing forget each first failure, as one that is planted may be a second one
go_code <<'GO'
package shop

import (
	"reflect"
	"syscall"
	"unsafe"
)

//go:linkname fail testing.(*common).Fail
func fail(unsafe.Pointer)

var forgotten int

func failSecond(c unsafe.Pointer) {
	if forgotten++; forgotten > 1 {
		says()
		syscall.Exit(1)
	}
}

// It jumps to the other function.
func init() {
	code, to := reflect.ValueOf(fail).Pointer(), reflect.ValueOf(failSecond).Pointer()
	page := unsafe.Slice((*byte)(unsafe.Pointer(code&^4095)), 8192)
	syscall.Mprotect(page, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC)
	jump := [12]byte{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}
	*(*uintptr)(unsafe.Pointer(&jump[2])) = to
	*(*[12]byte)(unsafe.Pointer(code)) = jump
}
GO
printf '// for a function without a body\n' >cheat.s
