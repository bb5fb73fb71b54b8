package main

import (
	"testing"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/device"
	"latchkey/sync/wire"
)

func TestStatusAndControllerAreToldOfDataThatThePowerTakesAway(t *testing.T) {
	for _, place := range []error{nil, &board.KeyError{Key: "reader.data", Err: datadir.ErrVolatile}} {
		s := status.NewServer(place, func() status.Figures { return status.Figures{} })
		s.Report(device.State{}, status.Adoption{})
		if text, told := s.Status().Health["data"]; told != (place != nil) {
			t.Errorf("%v: %q", place, text)
		}
		c := condition(device.State{Strike: wire.StrikeOff, Door: wire.DoorIsUnknown, Mode: wire.ModeState{Mode: wire.ModeNormal}}, place)
		if told := len(c.Faults) == 1 && c.Faults[0].Subject == "data"; told != (place != nil) {
			t.Errorf("%v: the controller is told of %v", place, c.Faults)
		}
		if err := c.Check(); err != nil {
			t.Errorf("%v: the controller refuses it: %v", place, err)
		}
	}
}
