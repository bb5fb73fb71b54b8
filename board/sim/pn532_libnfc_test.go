package sim

import (
	"strings"
	"testing"
)

func TestLibnfcFindsTheCardThroughAPseudoTerminal(t *testing.T) {
	j := judge(t, DESFireEV3)
	for range 2 { // it puts the chip to sleep at its end
		listed := j.run("nfc-list")
		for _, want := range []string{"(NFCID1): 04  a1  b2  c3  d4  e5  80", "(SENS_RES): 03  44", "(SEL_RES): 20", "ATS: 75  77  81  02  80"} {
			if !strings.Contains(listed, want) {
				t.Errorf("%q is missing in\n%s", want, listed)
			}
		}
	}
}
