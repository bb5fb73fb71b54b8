package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// A topic is a choice of events.
type topic struct {
	classes []wire.RecordClass // nil: all
	kind    string             // only these
	empty   bool               // there are none here
}

// topics are those that clients can ask for.
var topics = map[string]topic{
	"all":            {},
	"door_openings":  {classes: []wire.RecordClass{wire.ClassGranted, wire.ClassDenied, wire.ClassLockout, wire.ClassDoor}},
	"critical":       {classes: []wire.RecordClass{wire.ClassAlarm}},
	"updates":        {kind: string(wire.ReaderStarted)},
	"device_events":  {classes: []wire.RecordClass{wire.ClassReader}},
	"admin_activity": {classes: []wire.RecordClass{desk.ClassAdmin}},
	"visitor":        {empty: true},
}

// A logQuery is what a request for events says.
type logQuery struct {
	Topic    string `json:"topic"`
	Since    int64  `json:"since"`    // Unix seconds; 0: from the first
	Until    int64  `json:"until"`    // Unix seconds; 0: to the last
	Actor    string `json:"actor_id"` // a user's id
	Timezone string `json:"timezone"`
}

// logQuery reads it from the body.
func (a *API) logQuery(c *call) (body logQuery, t topic, q desk.Query, err error) {
	if err := c.body(&body); err != nil {
		return body, t, q, err
	}
	t, ok := topics[body.Topic]
	if !ok {
		return body, t, q, badRequest("topic must be all, door_openings, critical, updates, device_events, admin_activity or visitor")
	}
	if err := errors.Join(wire.CheckTime(body.Since), wire.CheckTime(body.Until)); err != nil || body.Until != 0 && body.Until <= body.Since {
		return body, t, q, badRequest("since and until must be times in Unix seconds, and until the later one")
	}
	q.Kind = t.kind
	if body.Since != 0 {
		q.Since = time.Unix(body.Since, 0)
	}
	if body.Until != 0 {
		q.Until = time.Unix(body.Until, 0)
	}
	if body.Actor != "" {
		user, err := a.ids.parse(kindUser, body.Actor)
		if err != nil {
			return body, t, q, badRequest("actor_id must be the id of a user")
		}
		q.User = uint64(user)
	}
	return body, t, q, nil
}

// A logPage is a page of events. Clients look for the page here or beside the data, so it is
// named in both places.
type logPage struct {
	Hits  []*logHit `json:"hits"`
	Page  int       `json:"page"`
	Total int       `json:"total"` // on all pages, up to desk.MaxLog
}

// systemLogs answers POST /system/logs: events, newest first.
func (a *API) systemLogs(c *call) (any, error) {
	p, err := c.pages()
	if err != nil {
		return nil, err
	}
	body, t, q, err := a.logQuery(c)
	if err != nil {
		return nil, err
	}
	page := &logPage{Hits: []*logHit{}, Page: p.Number}
	doors, err := a.desk.ReaderDoors(c.r.Context(), c.actor)
	if err != nil || t.empty {
		return page, err
	}
	skip := min(p.Number-1, desk.MaxLog) * p.Size
	events, total, err := a.desk.LogPage(c.r.Context(), c.actor, q, t.classes, min(skip, desk.MaxLog), p.Size)
	if err != nil {
		return nil, err
	}
	page.Total, p.Total = total, total
	for _, e := range events {
		page.Hits = append(page.Hits, &logHit{Time: e.At.UTC().Format(time.RFC3339Nano), ID: a.ids.of(kindEvent, e.ID), Tag: body.Topic, Source: a.logSource(e, doors)})
	}
	return page, nil
}

// longestExport is the longest time of an export, and a day of another length.
const longestExport = 31*24*time.Hour + time.Hour

// exportWrite is how long a part of an export may take to be sent.
const exportWrite = time.Minute

// exportLogs answers POST /system/logs/export: events as CSV, oldest first, as in the
// console.
func (a *API) exportLogs(c *call) (any, error) {
	body, t, q, err := a.logQuery(c)
	if err != nil {
		return nil, err
	}
	if body.Timezone == "" {
		return nil, badRequest("timezone must be the name of a time zone, like Europe/Vienna")
	}
	if q.In, err = zone.Load(body.Timezone); err != nil {
		return nil, badRequest("There is no time zone of this name: timezone must be one like Europe/Vienna")
	}
	if q.Until.IsZero() {
		q.Until = a.desk.Now()
	}
	if q.Since.IsZero() || q.Until.Sub(q.Since) > longestExport {
		return nil, badRequest("An export is of a month at most: send since and until")
	}
	q.Classes = t.classes
	if t.empty {
		q.Classes = []wire.RecordClass{}
	}
	out := &exportWriter{call: c}
	err = a.desk.Export(c.r.Context(), c.actor, q, desk.CSV, out)
	if err != nil && out.begun {
		a.log.Info("api: an export was cut off", "error", err)
		panic(http.ErrAbortHandler) // so that the program sees that something is missing
	}
	return answered{}, err
}

// An exportWriter sends a file, and gives each part its time.
type exportWriter struct {
	*call
	begun bool
}

func (w *exportWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.w.Header().Set("Content-Disposition", `attachment; filename="activity.csv"`)
	}
	http.NewResponseController(w.w).SetWriteDeadline(time.Now().Add(exportWrite))
	return w.w.Write(b)
}

// A logHit is an event in a list.
type logHit struct {
	Time   string     `json:"@timestamp"` // RFC 3339
	ID     string     `json:"_id"`
	Tag    string     `json:"tag"` // the topic
	Source *logSource `json:"_source"`
}

// A logSource is what happened. No text in it is null.
type logSource struct {
	Actor struct {
		ID            string `json:"id"`
		Type          string `json:"type"` // user, admin; "": nobody
		Name          string `json:"display_name"`
		AlternateID   string `json:"alternate_id"`
		AlternateName string `json:"alternate_name"` // the token, if it has named somebody
	} `json:"actor"`
	Event struct {
		Type      string `json:"type"`
		Message   string `json:"display_message"`
		Result    string `json:"result"` // ACCESS, BLOCKED
		Reason    string `json:"reason"`
		Published int64  `json:"published"` // Unix milliseconds
		LogKey    string `json:"log_key"`
	} `json:"event"`
	Authentication struct {
		Provider string `json:"credential_provider"`
		Issuer   string `json:"issuer"` // "": a card's number would say too much
	} `json:"authentication"`
	Target []named `json:"target"`
}

// A named thing is a part of an event.
type named struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Name string `json:"display_name"`
}

// What came of an attempt.
const (
	resultAccess  = "ACCESS"
	resultBlocked = "BLOCKED"
)

// unlockEvent is the type of the events of attempts.
const unlockEvent = "access.door.unlock"

// isAttempt says whether an event says what came of an attempt to open a door.
func isAttempt(e *desk.Event) bool { return e.Result == desk.Granted || e.Result == desk.Denied }

// logSource returns an event as clients know it.
func (a *API) logSource(e *desk.Event, doors map[string]desk.ReaderDoor) *logSource {
	s := new(logSource)
	s.Actor.Name = "N/A"
	switch {
	case e.User != 0 && e.Source != "admin": // of an act the user is the target
		s.Actor.ID, s.Actor.Type, s.Actor.Name = a.ids.of(kindUser, int64(e.User)), "user", e.Person
	case e.Who != "":
		s.Actor.Type, s.Actor.Name = "admin", e.Who
	}
	if e.Note.ActorName != "" {
		s.Actor.ID, s.Actor.Name, s.Actor.AlternateName = e.Note.ActorID, e.Note.ActorName, e.Who
	}
	s.Event.Type, s.Event.Message, s.Event.Published, s.Event.LogKey = "latchkey."+e.Kind, e.Text.String(), e.At.UnixMilli(), e.Kind
	if isAttempt(e) {
		s.Event.Type = unlockEvent
	}
	s.Event.Result = resultAccess
	if e.Result == desk.Denied || e.Result == desk.Refused {
		s.Event.Result = resultBlocked
	}
	if r := e.Record; r != nil {
		s.Event.Reason, s.Authentication.Provider = string(r.Reason), provider(r)
	}
	s.Target = []named{}
	if e.Reader != "" {
		if at := doors[e.Reader]; at.Door != 0 {
			s.Target = append(s.Target, named{a.ids.of(kindDoor, at.Door), "door", e.Door}, named{a.ids.of(kindHub, at.Hub), "floor", at.HubName}, named{a.ids.of(kindLocation, at.Location), "building", at.LocationName})
		}
		s.Target = append(s.Target, named{e.Reader, "UAH", e.Reader}, named{e.Reader, "device_config", "entry"})
	}
	return s
}

// provider returns what somebody used to open the door, in the words of clients; "": nothing.
func provider(r *wire.Record) string {
	switch {
	case r.By == wire.ByPIN, r.By == "" && (strings.HasPrefix(string(r.Kind), "attempt.") || r.Kind == wire.PINRefused):
		return "PIN_CODE"
	case r.By == wire.ByCard, r.By == wire.ByBoth:
		return "NFC"
	case r.By == wire.ByRemote:
		return "REMOTE_THROUGH_UAH"
	}
	return ""
}
