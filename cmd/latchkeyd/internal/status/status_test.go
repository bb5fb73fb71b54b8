package status

import (
	"strings"
	"testing"
)

func TestTheBudgetOfATPMIsSaid(t *testing.T) {
	for want, tpm := range map[string]*TPM{
		"123 of 500 PINs checked, 377 left":             {123, 500},
		"1 of 4294967295 PINs checked, 4294967294 left": {1, 1<<32 - 1},
		"all of 500 PINs checked: it needs":             {500, 500},
		"all of 400 PINs checked: it needs":             {401, 400},
		"no budget of PINs is known":                    {},
	} {
		var b strings.Builder
		if err := (&Status{TPM: tpm}).Print(&b); err != nil || !strings.Contains(b.String(), "TPM                   "+want) {
			t.Errorf("%+v: %v\n%s", tpm, err, b.String())
		}
	}
	var b strings.Builder
	if err := (&Status{}).Print(&b); err != nil || strings.Contains(b.String(), "TPM") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
