package tests

import (
	"fmt"
	"testing"

	"latchkey/keypad/panel"
)

func TestAPINIsTypedOnEveryPanelHoweverItIsMounted(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	for i, model := range panel.Models() {
		rotation := 90 + i%3*90 // all but upright
		t.Run(fmt.Sprintf("%s turned %d", model, rotation), func(t *testing.T) {
			reader := site.adopt(t, "front-door")
			reader.configure(fmt.Sprintf(`
[reader]
id = "front-door"
data = "data"
[panel]
model = %q
rotation = %d
language = "de"
[board]
kind = "sim"
[board.sim]
listen = "127.0.0.1:0"
panel = %[1]q
rotation = %[2]d
`, model, rotation))
			reader.start()
			reader.typePIN(adaPIN)
			reader.opens("a PIN")
			reader.shows("granted", granted)
		})
	}
}
