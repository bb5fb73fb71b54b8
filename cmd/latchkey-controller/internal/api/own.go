package api

import (
	"math"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A siteObject is the site.
type siteObject struct {
	Name       string `json:"name"`
	Controller string `json:"controller"` // fingerprint of its key
	TimeZone   string `json:"time_zone"`
	Readers    int    `json:"readers"` // that are adopted
	Online     int    `json:"online"`  // of these
}

// site answers GET /site.
func (a *API) site(c *call) (any, error) {
	readers, err := a.desk.Readers(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	zone, err := a.desk.Zone(c.r.Context())
	if err != nil {
		return nil, err
	}
	o := &siteObject{TimeZone: zone.String()}
	o.Name, o.Controller = a.desk.Site()
	for _, r := range readers {
		if r.Bundle != 0 {
			o.Readers++
			if r.Live.Online {
				o.Online++
			}
		}
	}
	return o, nil
}

// A lockoutObject is a reader at which no PIN can be entered, because too many wrong ones
// were.
type lockoutObject struct {
	Reader string     `json:"reader"`
	Door   feedDoor   `json:"door"`
	Cause  wire.Cause `json:"cause"`  // attempts, guessing, tamper, journal
	Text   string     `json:"text"`   // the same for people
	Online bool       `json:"online"` // the reader is; otherwise it was so when it said so last
	Heard  time.Time  `json:"heard"`  // when it said so
}

// lockouts answers GET /lockouts: those that there are now.
func (a *API) lockouts(c *call) (any, error) {
	readers, err := a.desk.Readers(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*lockoutObject{}
	for _, r := range readers {
		if r.Bundle == 0 || r.Live.Lockout == "" {
			continue
		}
		o := &lockoutObject{Reader: r.ID, Door: feedDoor{Name: r.Door}, Cause: r.Live.Lockout, Text: r.Live.LockoutText().String(), Online: r.Live.Online, Heard: r.Live.Heard.UTC()}
		if r.DoorID != 0 {
			o.Door.ID = a.ids.of(kindDoor, r.DoorID)
		}
		all = append(all, o)
	}
	return map[string]any{"lockouts": all}, nil
}

// An oddsObject says how likely it is that somebody guesses a PIN.
type oddsObject struct {
	PINs      int      `json:"pins"`
	Readers   int      `json:"readers"`         // that take PINs
	PerDay    int      `json:"guesses_per_day"` // at most, where there is a guess limit
	Chance    float64  `json:"chance_per_day"`  // that one of these is right, 0 to 1
	Years     *float64 `json:"years"`           // until a right one is more likely than not; null: never
	Bounded   []string `json:"bounded"`         // readers with a guess limit
	Unbounded []string `json:"unbounded"`       // readers without
	Text      string   `json:"text"`
}

// odds answers GET /odds: of all readers together, or of one.
func (a *API) odds(c *call) (any, error) {
	var odds *desk.GuessOdds
	var err error
	if reader := c.r.URL.Query().Get("reader"); reader != "" {
		odds, err = a.desk.OddsAt(c.r.Context(), c.actor, reader)
	} else {
		odds, err = a.desk.Odds(c.r.Context(), c.actor, "", nil)
	}
	if err != nil {
		return nil, err
	}
	o := &oddsObject{PINs: odds.PINs, Readers: odds.Readers, PerDay: odds.PerDay, Chance: odds.Chance, Bounded: append([]string{}, odds.Bounded...), Unbounded: append([]string{}, odds.Unbounded...), Text: odds.String()}
	if !math.IsInf(odds.Years, 1) {
		o.Years = &odds.Years
	}
	return o, nil
}

// An unlockObject is an unlock that a reader carried out.
type unlockObject struct {
	Command string `json:"command"` // its id, as in the reader's records
	Text    string `json:"text"`    // what came of it, for people
}

// unlockDoor answers POST /doors/{id}/unlock.
func (a *API) unlockDoor(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	var form struct {
		Reader string `json:"reader"` // "": the first of the door's that does it
		Remark string `json:"remark"` // kept with the act
	}
	if err := c.body(&form); err != nil {
		return nil, err
	}
	result, err := a.unlockBy(c, id, form.Reader, desk.UnlockNote{Remark: form.Remark})
	if err != nil {
		return nil, err
	}
	return &unlockObject{result.Command, result.Text.String()}, nil
}
