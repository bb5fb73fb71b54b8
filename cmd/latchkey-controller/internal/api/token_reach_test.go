package api

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// limitedProgram returns a program whose token was made by an administrator who acts at some locations
// only by now.
func (w *world) limitedProgram(locations []int64, scopes ...desk.Scope) *program {
	w.t.Helper()
	id, _, err := w.desk.AddAdmin(w.t.Context(), root, "Eve", desk.Super, nil)
	w.must(err)
	eve := desk.Actor{ID: id, Name: "Eve", Role: desk.Super, FreshSignIn: true, Via: desk.Console}
	_, text, err := w.desk.MakeToken(w.t.Context(), eve, desk.TokenForm{Name: "Of Eve", Scopes: scopes, Days: 30})
	w.must(err)
	w.must(w.desk.SetLimit(w.t.Context(), root, id, "", locations))
	return &program{w, text}
}

func TestATokenOfALimitedAdministratorIsRefusedAtDoorsElsewhere(t *testing.T) {
	w := newWorld(t)
	here, door := w.reader()
	there, doorThere := w.reader()
	annex, err := w.desk.AddPlace(t.Context(), root, desk.Locations, 0, "Annex")
	w.must(err)
	hub, err := w.desk.AddPlace(t.Context(), root, desk.Hubs, annex, "Hall")
	w.must(err)
	w.must(w.desk.EditPlace(t.Context(), root, desk.Doors, doorThere, "", func(p *desk.PlaceForm) { p.In = hub }))
	locations, err := w.desk.Places(t.Context(), root)
	w.must(err)
	var home int64
	for _, l := range locations {
		if l.ID != annex {
			home = l.ID
		}
	}
	p := w.limitedProgram([]int64{home}, desk.ScopeRead, desk.ScopeOperate, desk.ScopeManage, desk.ScopeEmergency)
	var policy readerPolicyObject
	w.program(desk.ScopeRead, desk.ScopeManage).own("GET", "/readers/"+there+"/policy", nil).plain(t, &policy)
	limit := uint8(5)
	policy.Limit = &limit
	before, err := w.desk.Policy(t.Context(), root, there)
	w.must(err)

	for name, a := range map[string]func(door, reader string) *answer{
		"unlock":      func(door, _ string) *answer { return p.unifi("PUT", "/doors/"+door+"/unlock", nil) },
		"unlock, own": func(door, _ string) *answer { return p.own("POST", "/doors/"+door+"/unlock", `{"remark": "a parcel"}`) },
		"lock rule": func(door, _ string) *answer {
			return p.unifi("PUT", "/doors/"+door+"/lock_rule", map[string]any{"type": "keep_lock"})
		},
		"policy": func(_, reader string) *answer {
			return p.askWith(map[string]string{"If-Match": "*"}, "PUT", ownBase+"/readers/"+reader+"/policy", policy)
		},
	} {
		refused := a(w.doorID(doorThere), there)
		if refused.status != http.StatusForbidden && refused.status != http.StatusNotFound || refused.status == http.StatusForbidden && refused.code() != "403 "+codeForbidden {
			t.Errorf("%s elsewhere: %d %s", name, refused.status, refused.body)
		}
		if strings.Contains(refused.body, before.Door) {
			t.Errorf("%s tells of what is elsewhere: %s", name, refused.body)
		}
		if len(w.live.orders) > 0 {
			t.Errorf("%s: an order went out: %+v", name, w.live.orders)
		}
		if done := a(w.doorID(door), here); done.status != http.StatusOK {
			t.Errorf("%s at their location: %d %s", name, done.status, done.body)
		}
		w.live.orders = nil
	}
	if after, err := w.desk.Policy(t.Context(), root, there); err != nil || after.Revision != before.Revision {
		t.Errorf("the policy elsewhere was changed: %v, %+v", err, after)
	}
	modes, err := w.desk.WantedModes(t.Context(), root)
	w.must(err)
	for _, m := range modes {
		if m.Where != (desk.Where{Level: desk.Doors, ID: door}) || m.Mode != wire.ModeLocked {
			t.Errorf("a mode elsewhere: %+v", m)
		}
	}
	emergency := func(p *program, want emergencyObject) {
		t.Helper()
		var got emergencyObject
		if p.unifi("GET", "/doors/settings/emergency", nil).into(t, &got); got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	whole := w.program(desk.ScopeRead, desk.ScopeEmergency)
	set := func(p *program, on bool) *answer {
		return p.unifi("PUT", "/doors/settings/emergency", map[string]any{"lockdown": on})
	}
	if a := set(p, true); a.status != http.StatusOK {
		t.Errorf("a lockdown of all their locations: %d %s", a.status, a.body)
	}
	emergency(p, emergencyObject{Lockdown: true})
	emergency(whole, emergencyObject{})
	set(whole, true)
	if a := set(p, false); a.code() != "403 "+codeForbidden {
		t.Errorf("the end of a lockdown of the whole site: %d %s", a.status, a.body)
	}
	set(whole, false)
	if a := set(p, false); a.status != http.StatusOK {
		t.Errorf("the end of theirs: %d %s", a.status, a.body)
	}
	emergency(p, emergencyObject{})
}

func TestATokenOfALimitedAdministratorAdoptsNoReader(t *testing.T) {
	w := newWorld(t)
	id, _ := w.readerIn("heim")
	p, _ := w.limited([]desk.Scope{desk.ScopeRead, desk.ScopeAdopt}, w.location("heim"))
	for what, form := range map[string]map[string]any{
		"a new reader":             {"reader": "new", "door": "New", "place": "heim building"},
		"another board for theirs": {"reader": id},
	} {
		b := boardtest.New(t)
		form["request"], form["fingerprint"], form["groups"] = base64.StdEncoding.EncodeToString(b.Signed), b.Fingerprint(), []string{"everyone"}
		if a := p.own("POST", "/adoptions", form); a.code() != "403 "+codeForbidden || strings.Contains(a.body, "bundle") {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
}
