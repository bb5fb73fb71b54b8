package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// done is the data of an answer that says only that something was done.
const done = "success"

// unlock answers PUT /doors/{id}/unlock: it opens a door once. If it says that the door did
// not open, it does not open later.
func (a *API) unlock(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	var by struct {
		ID    string          `json:"actor_id"`
		Name  string          `json:"actor_name"`
		Extra json.RawMessage `json:"extra"`
	}
	if err := c.body(&by); err != nil {
		return nil, err
	}
	note := desk.UnlockNote{Remark: by.Name, ActorID: by.ID, ActorName: by.Name, Extra: by.Extra}
	switch command := c.r.URL.Query().Get("control_cmd"); command {
	case "", "open":
	case "close", "stop":
		return nil, refuse(http.StatusBadRequest, codeUnsupported, "A door here can only be opened: it closes and locks by itself")
	default:
		return nil, badRequest("control_cmd must be open, close or stop")
	}
	if _, err := a.unlockBy(c, id, c.r.URL.Query().Get("reader_id"), note); err != nil {
		return nil, err
	}
	return done, nil
}

// unlockBy unlocks a door by a reader, or, if that is "", by the first of its readers that
// does it; or refuses what was not done. codeBusy says that it may have been done.
func (a *API) unlockBy(c *call, door int64, reader string, note desk.UnlockNote) (*desk.OrderResult, error) {
	result, err := a.desk.UnlockDoor(c.r.Context(), c.actor, door, reader, note)
	switch {
	case errors.Is(err, desk.ErrNotFound) && reader != "":
		return nil, refuse(http.StatusNotFound, codeNoDevice, "This door has no such reader")
	case err != nil:
		return nil, err
	case result.Done:
		return result, nil
	case result.Unsent:
		return nil, refuse(http.StatusPaymentRequired, codeOffline, "The door was not opened: "+result.Text.String())
	}
	return nil, refuse(http.StatusPaymentRequired, codeBusy, "The door did not say that it was opened: "+result.Text.String())
}

// A lockRuleObject is what keeps a door locked or unlocked.
type lockRuleObject struct {
	Type  string `json:"type"`
	Ended int64  `json:"ended_time"` // Unix seconds; 0: it has no end, or is none
}

// lockRuleTypes are the desk's kinds of lock rules as clients know them.
var lockRuleTypes = map[desk.RuleKind]string{
	desk.RuleNone: "", desk.RuleSchedule: "schedule", desk.RuleUnlocked: "keep_unlock", desk.RuleForTime: "custom", desk.RuleLocked: "keep_lock",
}

func lockRuleOf(rule desk.LockRule) lockRuleObject {
	o := lockRuleObject{Type: lockRuleTypes[rule.Kind]}
	if !rule.Until.IsZero() {
		o.Ended = rule.Until.Unix()
	}
	return o
}

// lockRule answers GET /doors/{id}/lock_rule.
func (a *API) lockRule(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	rule, err := a.desk.LockRule(c.r.Context(), c.actor, id)
	if err != nil {
		return nil, err
	}
	return lockRuleOf(rule), nil
}

// lockRuleChanges are the types of lock rules that clients can set.
var lockRuleChanges = map[string]desk.RuleChange{
	"keep_unlock": desk.KeepUnlocked, "custom": desk.UnlockFor, "keep_lock": desk.KeepLocked,
	"reset": desk.EndRule, "lock_early": desk.LockEarly, "lock_now": desk.LockNow,
}

// setLockRule answers PUT /doors/{id}/lock_rule. The answer comes as soon as the controller
// wants it so: readers follow.
func (a *API) setLockRule(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	var body struct {
		Type     string `json:"type"`
		Interval int    `json:"interval"` // minutes, of custom; clients send it with the others, too
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	change, ok := lockRuleChanges[body.Type]
	if !ok {
		return nil, badRequest("type must be keep_lock, keep_unlock, custom, reset, lock_early or lock_now")
	}
	if err := a.desk.SetLockRule(c.r.Context(), c.actor, id, change, body.Interval); err != nil {
		return nil, err
	}
	return done, nil
}

// An emergencyObject is what is wanted of the whole site.
type emergencyObject struct {
	Lockdown   bool `json:"lockdown"`
	Evacuation bool `json:"evacuation"`
}

// emergency answers GET /doors/settings/emergency.
func (a *API) emergency(c *call) (any, error) {
	e, err := a.desk.Emergency(c.r.Context(), c.actor)
	return emergencyObject(e), err
}

// setEmergency answers PUT /doors/settings/emergency.
func (a *API) setEmergency(c *call) (any, error) {
	var body struct {
		Lockdown   *bool `json:"lockdown"`
		Evacuation *bool `json:"evacuation"`
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if body.Lockdown == nil && body.Evacuation == nil { // "success" would be taken for a lockdown
		return nil, badRequest("Send lockdown, evacuation or both: true or false")
	}
	if err := a.desk.SetEmergency(c.r.Context(), c.actor, body.Lockdown, body.Evacuation); err != nil {
		return nil, err
	}
	return done, nil
}
