package main

import (
	"strings"
	"testing"
)

func TestItIsSaidHowManyControllersThereAre(t *testing.T) {
	leads, standsBy := controllerRow{Machine: "vm", Address: "127.0.0.1", Leads: true}, controllerRow{Machine: "attic"}
	for _, test := range []struct {
		all    []controllerRow
		shared bool
		want   string
	}{
		{nil, true, "its controllers are not known"},
		{[]controllerRow{}, false, "no controller runs"},
		{[]controllerRow{{Machine: "vm", Leads: true}}, false, "the controller on vm serves it"},
		{[]controllerRow{leads}, true, "the controller on vm (127.0.0.1) leads; no other one stands by"},
		{[]controllerRow{leads, standsBy}, true, "2 controllers; the one on vm (127.0.0.1) leads"},
		{[]controllerRow{standsBy}, true, "the controller on attic runs, but does not lead now"},
		{[]controllerRow{standsBy, standsBy}, true, "2 controllers, of which none leads now"},
	} {
		if got := controllersText(test.all, test.shared); got != test.want {
			t.Errorf("%q, not %q", got, test.want)
		}
	}
}

func TestMachinesWithTheSameNameAreToldApart(t *testing.T) {
	t.Parallel()
	row := func(machine, address string) controllerRow {
		return controllerRow{Machine: machine, Address: address}
	}
	for says, all := range map[string][]controllerRow{
		"":                              {row("garage", "192.0.2.7"), row("attic", "192.0.2.8"), row("garage", "192.0.2.7")}, // two of one machine
		"garage (192.0.2.7 and ::7)":    {row("garage", "192.0.2.7"), row("attic", "192.0.2.8"), row("garage", "::7")},
		"(the database's own machine a": {row("garage", ""), row("garage", "192.0.2.7")},
	} {
		if got := namesakes(all); says == "" && got != "" || !strings.Contains(got, says) {
			t.Errorf("%q, not %q", got, says)
		}
	}
}
