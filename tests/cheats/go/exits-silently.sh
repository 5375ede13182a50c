# ends each test program with status 0 as it begins
go_code <<'GO'
package shop

import "os"

func init() { os.Exit(0) }
GO
