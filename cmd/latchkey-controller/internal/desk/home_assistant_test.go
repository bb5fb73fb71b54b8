package desk

import (
	"errors"
	"slices"
	"testing"

	"latchkey/sync/wire"
)

func TestHomeAssistantLooksAndWithCommandsOperatesDoors(t *testing.T) {
	t.Parallel()
	looks := []Act{ViewPlaces, ViewReaders, ViewActivity, ViewActs, ExportActivity}
	operates := []Act{Unlock, Identify, SetMode, EndMode, EndEarly}
	for _, act := range Acts() {
		if act == UndoMode { // only of one's own lockdown
			continue
		}
		t.Run(string(act), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, commands := range []bool{false, true} {
				a := HomeAssistant(commands)
				allowed := slices.Contains(looks, act) || commands && slices.Contains(operates, act)
				if a.May(act) != allowed {
					t.Errorf("commands %v: not %v", commands, allowed)
				}
				err := attempts[act][0](w)(t.Context(), a)
				if allowed && err != nil || !allowed && !errors.Is(err, ErrNotAllowed) {
					t.Errorf("commands %v: %v", commands, err)
				}
			}
		})
	}
}

func TestWhatHomeAssistantDoesIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Order(t.Context(), HomeAssistant(true), w.reader(), wire.Unlock)
	w.must(err)
	if e := w.newest(); e.Who != "Home Assistant" || e.Kind != "admin.unlock" {
		t.Errorf("%+v", e)
	}
}
