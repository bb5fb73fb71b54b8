package supervision

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/device"
	"latchkey/sync/wire"
)

func TestWhatIsSaidOfTheRelayNamesEachLineThatDoesNotWork(t *testing.T) {
	var got []string
	parts := NewParts(slog.New(slog.DiscardHandler), func(err error) error { return err }, func(health device.Health) {
		if health.Subject != wire.SubjectRelay || (health.Condition == device.Good) != (health.Text == "") {
			t.Errorf("%+v", health)
		}
		got = append(got, health.Text)
	})
	for _, line := range []string{"exit-button", "door-open", "strike"} {
		parts.ReportLine(line, nil)
	}
	parts.ReportLine("door-open", errors.New("board.lines.door-open: GPIO12 is in use by gpiomon"))
	parts.ReportLine("strike", errors.New("strike: energise: input/output error"))
	parts.ReportLine("strike", nil)
	parts.ReportLine("door-open", nil)
	const door = "door-open does not work: board.lines.door-open: GPIO12 is in use by gpiomon"
	if want := []string{"", door, door + "; strike does not work: strike: energise: input/output error", door, ""}; !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestAPartThatTellsHowItIsAtTheEndOfARoundThatHungIsBelieved(t *testing.T) {
	broken := errors.New("the panel does not answer")
	for _, test := range []struct{ before, after, want error }{
		{nil, broken, broken},
		{broken, nil, nil},
	} {
		parts := NewParts(slog.New(slog.DiscardHandler), func(err error) error { return err }, func(device.Health) {})
		p := parts.NewPart("a turn", wire.SubjectPanel)
		parts.Report(wire.SubjectPanel, test.before)
		p.Round(true)
		parts.Check(time.Now().Add(roundWithin + time.Second))
		if why := parts.Fault(wire.SubjectPanel); !strings.Contains(why, "a turn takes more than") {
			t.Errorf("%q is reported while it hangs", why)
		}
		parts.Report(wire.SubjectPanel, test.after)
		p.Round(false)
		parts.Check(time.Now())
		want := ""
		if test.want != nil {
			want = test.want.Error()
		}
		if why := parts.Fault(wire.SubjectPanel); why != want {
			t.Errorf("%q is reported, not %q", why, want)
		}
	}
}
