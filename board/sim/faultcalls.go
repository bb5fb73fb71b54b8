package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"
)

// faultMessage is a fault as GET /api/faults and the stream tell it.
type faultMessage struct {
	Name    string  `json:"name"`
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Amount  float64 `json:"amount"`
	Active  bool    `json:"active"`
	Seconds int     `json:"seconds"` // until it ends by itself; 0: it does not
}

func (h *page) faultMessages() []faultMessage {
	var all []faultMessage
	for _, f := range h.board.Faults() {
		all = append(all, faultMessage{f.Name, f.What, f.Unit, f.Amount, f.Active, int(math.Ceil(f.Left.Seconds()))})
	}
	return all
}

func (h *page) faults(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, h.faultMessages())
}

// maxSeconds bounds how long a fault may be put off or last.
const maxSeconds = 1e6

func (h *page) putFault(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Active                 *bool
		Amount, Seconds, After float64
	}
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.Active == nil {
		return badRequest{errors.New("body: active is missing")}
	}
	for key, v := range map[string]float64{"seconds": in.Seconds, "after": in.After} {
		if v < 0 || v > maxSeconds {
			return badRequest{fmt.Errorf("body: %s is %v: it must be 0 to %d", key, v, int(maxSeconds))}
		}
	}
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	err := h.board.Inject(r.PathValue("name"), Injection{
		Active: *in.Active,
		Amount: in.Amount,
		After:  seconds(in.After),
		For:    seconds(in.Seconds),
	})
	if errors.Is(err, ErrAmount) {
		return badRequest{err}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type faultsMessage struct {
	Type   string         `json:"type"` // faults
	Faults []faultMessage `json:"faults"`
}

// marshalFaults is a message with what the faults are now, without how long
// they will last, which changes all the time.
func (h *page) marshalFaults() ([]byte, error) {
	all := h.faultMessages()
	for i := range all {
		all[i].Seconds = 0
	}
	return json.Marshal(faultsMessage{"faults", all})
}
