package money

import "testing"

func TestFormat(t *testing.T) {
	tests := map[string]struct {
		cents int
		want  string
	}{
		"nothing": {0, "0.00"},
		"a lot":   {123456, "1234.56"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Format(test.cents); got != test.want {
				t.Errorf("%d cents are %s", test.cents, got)
			}
		})
	}
}
