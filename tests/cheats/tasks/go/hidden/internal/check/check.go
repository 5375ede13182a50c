// Package check is for tests only.
package check

import "testing"

// Cents fails the test if the amounts differ.
func Cents(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%d cents, not %d", got, want)
	}
}
