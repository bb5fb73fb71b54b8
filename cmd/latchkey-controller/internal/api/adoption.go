package api

import (
	"encoding/base64"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// A waitingObject is a board that has handed itself over by the network.
type waitingObject struct {
	Waiting     int64      `json:"waiting"` // its number, for POST /adoptions
	Fingerprint string     `json:"fingerprint"`
	Named       string     `json:"named"`    // the id in its config, as it said first; "": none
	Disputed    bool       `json:"disputed"` // its request came under another id, too
	Address     string     `json:"address"`
	First       time.Time  `json:"first"`
	Heard       time.Time  `json:"heard"`        // to the minute
	Reader      string     `json:"reader"`       // that it was made; "": it waits for an administrator
	Fetched     *time.Time `json:"fetched"`      // when its bundle was fetched first, by whomever; null: not yet
	Fetcher     string     `json:"fetched_from"` // the address from which it was
	Twin        bool       `json:"twin"`         // another board goes by the same id
	TPM         bool       `json:"tpm"`
	Certified   string     `json:"certified"`
	TakesPINs   bool       `json:"takes_pins"`
	Was         string     `json:"was"`     // the reader that its board was and is not any more; "": none
	Lost        bool       `json:"lost"`    // that was removed as lost
	Problem     string     `json:"problem"` // why it cannot be adopted now; "": it can
}

// waiting answers GET /adoptions/waiting.
func (a *API) waiting(c *call) (any, error) {
	waiting, err := a.desk.WaitingReaders(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*waitingObject{}
	for _, w := range waiting {
		o := &waitingObject{Waiting: w.ID, Fingerprint: w.Fingerprint, Named: w.Named, Disputed: w.Disputed, Address: w.Address, First: w.First.UTC(), Heard: w.Heard.UTC(), Reader: w.Adopted, Fetcher: w.Fetcher,
			Twin: w.Twin, TPM: w.TPM, Certified: w.Certified, TakesPINs: !w.NoPIN, Problem: w.Problem.String()}
		if w.Was != nil {
			o.Was, o.Lost = w.Was.ID, w.Was.Lost
		}
		if !w.Fetched.IsZero() {
			at := w.Fetched.UTC()
			o.Fetched = &at
		}
		all = append(all, o)
	}
	return map[string]any{"waiting": all}, nil
}

// An adoptionForm is a board's request for adoption, and what the reader is to be.
type adoptionForm struct {
	Waiting     int64    `json:"waiting"` // number of a board that waits, instead of a request; 0: none
	Reader      string   `json:"reader"`
	Request     string   `json:"request"` // in base64, as latchkeyd identity wrote it
	Fingerprint string   `json:"fingerprint"`
	Door        string   `json:"door"`
	Place       string   `json:"place"`
	TimeZone    string   `json:"time_zone"`
	Groups      []string `json:"groups"` // that may always open; absent: unchanged, not for a new reader
	Broker      string   `json:"broker"`
	Cell        string   `json:"cell"` // name; "": unchanged; for a new reader the only one, or that with the fewest readers
}

// An adoptionObject is the answer to a board.
type adoptionObject struct {
	Reader     string `json:"reader"`
	Board      string `json:"board"`              // its fingerprint
	Controller string `json:"controller"`         // the fingerprint that latchkeyd adopt shows
	Bundle     []byte `json:"bundle"`             // in base64; only this board can read it; empty: it fetches it itself
	Sum        string `json:"bundle_fingerprint"` //
	TPM        bool   `json:"tpm"`                // its keys are in a TPM
	Certified  string `json:"certified"`          // by whom the TPM is; "": it is taken at its word
	TakesPINs  bool   `json:"takes_pins"`         // false: it has no TPM, and the site gives the PIN key only to those
	Cell       string `json:"cell"`               // name; "": the site has only one
	Moved      string `json:"moved"`              // the other reader that this board was; "": none
}

// adopt answers POST /adoptions: it makes a board a reader.
func (a *API) adopt(c *call) (any, error) {
	var form adoptionForm
	if err := c.body(&form); err != nil {
		return nil, err
	}
	if form.Waiting != 0 && form.Request != "" {
		return nil, badRequest("Send waiting or request, not both: a board that waits has sent its request")
	}
	switch refused := c.actor.Refusal(desk.AdoptReader); { // which Adopt audits
	case refused != nil, form.Waiting != 0:
	case form.Reader == "":
		return nil, badRequest("Send reader, the id that the reader is to have")
	case form.Request == "":
		return nil, badRequest("Send request, the file that latchkeyd identity wrote, in base64")
	}
	request, err := base64.StdEncoding.DecodeString(form.Request)
	if err != nil {
		return nil, badRequest("request is not base64: send the file that latchkeyd identity wrote, encoded so")
	}
	if len(request) > desk.MaxRequest {
		return nil, badRequest("request is too long: a reader's has at most %d bytes", desk.MaxRequest)
	}
	var access []wire.Access
	if form.Groups != nil {
		access = []wire.Access{}
		for _, group := range form.Groups {
			access = append(access, wire.Access{Group: group})
		}
	}
	o := &adoptionObject{Bundle: []byte{}}
	asked := desk.AdoptForm{
		Reader: form.Reader, Request: request, Fingerprint: form.Fingerprint, Door: form.Door, Place: form.Place, TimeZone: form.TimeZone, Access: access, Broker: form.Broker, Cell: form.Cell,
	}
	var adoption *site.Adoption
	if form.Waiting != 0 {
		adoption, err = a.desk.AdoptWaiting(c.r.Context(), c.actor, form.Waiting, asked)
	} else {
		adoption, err = a.desk.Adopt(c.r.Context(), c.actor, asked, func(bundle []byte) error {
			o.Bundle = bundle
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	o.Reader, o.Board, o.Controller, o.Sum = adoption.Reader, adoption.Board, adoption.Controller, adoption.Bundle
	o.TPM, o.Certified, o.TakesPINs, o.Cell, o.Moved = adoption.TPM, adoption.Certified, !adoption.NoPIN, adoption.Cell, adoption.Moved
	return o, nil
}
