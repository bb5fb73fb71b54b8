package main

import (
	"strings"
	"testing"
)

func TestItIsSaidHowManyControllersThereAre(t *testing.T) {
	leads, standsBy := controllerRow{Machine: "vm", Address: "127.0.0.1", Leads: true}, controllerRow{Machine: "attic"}
	for _, test := range []struct {
		all             []controllerRow
		shared, several bool
		want            string
	}{
		{nil, true, false, "its controllers are not known"},
		{[]controllerRow{}, false, false, "no controller runs"},
		{[]controllerRow{{Machine: "vm", Leads: true}}, false, false, "the controller on vm serves it"},
		{[]controllerRow{leads}, true, false, "the controller on vm (127.0.0.1) leads; no other one stands by"},
		{[]controllerRow{leads, standsBy}, true, false, "2 controllers; the one on vm (127.0.0.1) leads"},
		{[]controllerRow{{Machine: "vm", Leads: true, Schema: 31}, {Machine: "attic", Schema: 30}, {Machine: "cellar", Schema: 31}}, true, false, "3 controllers; the one on vm leads. They are of several versions (schema 30 to 31); upgrade the controller on attic"},
		{[]controllerRow{standsBy}, true, false, "the controller on attic runs, but does not lead now"},
		{[]controllerRow{standsBy, standsBy}, true, false, "2 controllers, of which none leads now"},
		{[]controllerRow{{Machine: "vm", Cell: "main", Leads: true}, {Machine: "shed", Cell: "north", Leads: true}, standsBy}, true, true, "3 controllers; the controller on vm leads the cell main; the controller on shed leads the cell north"},
		{[]controllerRow{{Machine: "vm", Cell: "main", Leads: true, Schema: 31}, {Machine: "shed", Cell: "north", Leads: true, Schema: 30}}, true, true, "2 controllers; the controller on vm leads the cell main; the controller on shed leads the cell north. They are of several versions (schema 30 to 31); upgrade the controller on shed"},
		{[]controllerRow{}, true, true, "no controller runs"},
	} {
		if got := controllersText(test.all, test.shared, test.several); got != test.want {
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

func TestItIsSaidWhoLeadsACell(t *testing.T) {
	t.Parallel()
	leads, standsBy := controllerRow{Machine: "vm", Address: "192.0.2.7", Leads: true}, controllerRow{Machine: "attic"}
	for want, all := range map[string][]controllerRow{
		"-":                              nil,
		"vm (192.0.2.7), none stands by": {leads},
		"vm (192.0.2.7), 1 stands by":    {leads, standsBy},
		"vm (192.0.2.7), 2 stand by":     {leads, standsBy, standsBy},
		"nobody now, of 1 controller":    {standsBy},
	} {
		if is := cellLed(all); is != want {
			t.Errorf("%q, want %q", is, want)
		}
	}
}
