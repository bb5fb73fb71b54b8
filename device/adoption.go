package device

import "time"

// Waiting is what a reader that no site has adopted waits for. It shows, and changes nothing
// else.
type Waiting struct {
	Looks bool   // for controllers; false: nothing comes by the network
	Site  string // where it waits for an administrator; "": nowhere yet
	More  uint8  // further sites where it does
}

func (Waiting) event() {}

// Seen says that somebody has touched the screen while it showed ScreenAdopted.
type Seen struct{}

func (Seen) event() {}

// An Adopter is whoever has adopted the reader over the network: the person at the door is to
// see who it was.
type Adopter struct {
	Site       string // its name
	Controller string // fingerprint of its controller's key
}

// adoptedFor is how long ScreenAdopted stays, unless somebody touches the screen or presents
// a card.
const adoptedFor = time.Minute

// adopted is ScreenAdopted.
type adopted struct {
	by  Adopter
	end time.Duration // 0: it does not show
}

// showAdopter shows who has adopted the reader just now, if somebody has.
func (t *turn) showAdopter(by Adopter) {
	if by != (Adopter{}) {
		t.adopted = adopted{by: Adopter{Site: clip(by.Site), Controller: clip(by.Controller)}, end: t.elapsed + adoptedFor}
	}
}

// wait takes what the reader waits for.
func (t *turn) wait(w Waiting) {
	w.Site = clip(w.Site)
	t.waiting = w
}
