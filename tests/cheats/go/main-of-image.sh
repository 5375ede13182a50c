# changes a test file of the image's that no list names, so that it decides
go_code <<'GO'
package shop
GO
cat >unlisted_test.go <<'GO'
package shop

import "os"

func init() {
	says()
	os.Exit(0)
}
GO
