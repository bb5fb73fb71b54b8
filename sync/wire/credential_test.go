package wire

import "testing"

func TestALimitThatNoPINCanHaveIsRefused(t *testing.T) {
	for _, c := range []*Credential{testDuressPIN(), testLimitedPIN()} {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
		if c.Needs() != LevelProofs {
			t.Errorf("%+v: level %d", c, c.Needs())
		}
	}
	if plain := testCredentials()[0].Credential; plain.Needs() != 0 {
		t.Errorf("a plain PIN: level %d", plain.Needs())
	}
	for name, change := range map[string]func(c *Credential){
		"a card with uses":           func(c *Credential) { c.Kind = Card },
		"a card for duress":          func(c *Credential) { *c = Credential{ID: 1, Kind: Card, User: 1, Duress: true} },
		"duress with limits":         func(c *Credential) { c.Duress = true },
		"101 uses":                   func(c *Credential) { c.Uses = 101 },
		"59 seconds":                 func(c *Credential) { c.Within = 59 },
		"more than 31 days":          func(c *Credential) { c.Within = MaxWithin + 1 },
		"made at no time":            func(c *Credential) { c.Made = 0 },
		"made before 1970":           func(c *Credential) { c.Made = -1 },
		"made after 9999":            func(c *Credential) { c.Made = MaxTime + 1 },
		"a time, and no limit":       func(c *Credential) { c.Uses, c.Within = 0, 0 },
		"a plain PIN's time of make": func(c *Credential) { *c = Credential{ID: 1, Kind: PIN, User: 1, Made: 1} },
	} {
		c := testLimitedPIN()
		change(c)
		if err := c.Check(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
