# embeds a file, writes to standard output and error, and has goroutines that never end
fix
printf 'hello' >greeting.txt
cat >noise.go <<'GO'
package shop

import (
	_ "embed"
	"fmt"
	"os"
)

//go:embed *.txt
var greeting string

func init() {
	fmt.Print(greeting)
	fmt.Fprint(os.Stderr, "--- FAIL: TestTotal")
	go func() { select {} }()
}
GO
