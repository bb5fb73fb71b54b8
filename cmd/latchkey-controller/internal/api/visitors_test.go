package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// visited returns the id of a door to which visitors may be invited, and its reader.
func (w *world) visited() (id, reader string) {
	w.t.Helper()
	reader, door := w.reader()
	w.must(w.desk.TakeVisitors(w.t.Context(), root, door, true))
	return w.api.ids.of(kindDoor, door), reader
}

// visit is the request of a visit to doors for an hour.
func (w *world) visit(doors ...string) map[string]any {
	resources := []any{}
	for _, door := range doors {
		resources = append(resources, map[string]any{"id": door, "type": "door"})
	}
	now := w.clock().Wall.Unix()
	return map[string]any{"first_name": "Ada", "last_name": "Lovelace", "visit_reason": "Business", "start_time": now, "end_time": now + 3600, "resources": resources}
}

// invited invites a visitor.
func (p *program) invited(request map[string]any) (o visitorObject) {
	p.w.t.Helper()
	p.unifi("POST", "/visitors", request).into(p.w.t, &o)
	return o
}

func TestAVisitorIsInvitedAndThePINIsShownOnce(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	door, _ := w.visited()
	request := w.visit(door)
	request["email"], request["remarks"] = "ada@example.com", "not kept"
	made := p.invited(request)
	digits := made.PIN.Digits
	if len(digits) != 8 || strings.Trim(digits, "0123456789") != "" || made.PIN.Token == "" || strings.Contains(made.PIN.Token, digits) {
		t.Errorf("%+v", made.PIN)
	}
	var is visitorObject
	answer := p.unifi("GET", "/visitors/"+made.ID, nil)
	answer.into(t, &is)
	if strings.Contains(answer.body, digits) || strings.Contains(w.logged.String(), digits) {
		t.Error("the PIN is shown again")
	}
	made.PIN.Digits = ""
	if fmt.Sprint(is.PIN.Token) != made.PIN.Token {
		t.Errorf("%+v, not %+v", is.PIN, made.PIN)
	}
	is.PIN, made.PIN = nil, nil
	want := visitorObject{
		ID: made.ID, First: "Ada", Last: "Lovelace", Status: visitActive, Inviter: "Program 1 (token)", Email: "ada@example.com", Start: request["start_time"].(int64), End: request["end_time"].(int64),
		Resources: []visitorDoor{{door, "Door of reader-2", "door"}}, Cards: []userCard{}, Plates: []struct{}{},
	}
	for _, o := range []visitorObject{made, is} {
		if fmt.Sprintf("%+v", o) != fmt.Sprintf("%+v", want) {
			t.Errorf("%+v\nnot %+v", o, want)
		}
	}
	page, err := w.desk.Activity(t.Context(), root, desk.Query{Limit: 1})
	w.must(err)
	if e := page.Events[0]; e.Kind != "admin.visitor.invite" || e.Who != "Program 1 (token)" {
		t.Errorf("%+v", e)
	}
	for _, query := range []string{"?expand[]=none", "?expand=none"} {
		var bare visitorObject
		p.unifi("GET", "/visitors/"+made.ID+query, nil).into(t, &bare)
		if bare.PIN != nil || len(bare.Resources) != 0 || bare.ID != made.ID {
			t.Errorf("%s: %+v", query, bare)
		}
	}
}

func TestAVisitIsChangedInWhatIsSent(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage, desk.ScopeRead)
	first, _ := w.visited()
	second, _ := w.visited()
	made := p.invited(w.visit(first))
	path := "/visitors/" + made.ID
	var is visitorObject
	p.unifi("PUT", path, map[string]any{"last_name": "Byron", "status": "CANCELLED"}).into(t, &is)
	if is.First != "Ada" || is.Last != "Byron" || is.Status != visitActive || is.Start != made.Start || is.End != made.End || len(is.Resources) != 1 {
		t.Errorf("%+v", is)
	}
	p.unifi("PUT", path, map[string]any{"end_time": made.End + 60, "week_schedule": map[string]any{}}).into(t, &is)
	if is.End != made.End+60 || is.Last != "Byron" {
		t.Errorf("%+v", is)
	}
	w.must(w.desk.TakeVisitors(t.Context(), root, mustID(t, w, first), false)) // which keeps the invitation
	p.unifi("PUT", path, map[string]any{"resources": []any{map[string]any{"id": second, "type": "door"}, map[string]any{"id": first}, map[string]any{"id": first, "type": "door"}}}).into(t, &is)
	if ids := doorsOf(is); !slices.Equal(ids, []string{first, second}) || is.PIN == nil {
		t.Errorf("%v", ids)
	}
	p.unifi("PUT", path, map[string]any{"resources": []any{map[string]any{"id": second, "type": "door"}}}).into(t, &is)
	if ids := doorsOf(is); !slices.Equal(ids, []string{second}) {
		t.Errorf("%v", ids)
	}
	if a := p.unifi("PUT", path, map[string]any{"resources": []any{map[string]any{"id": first, "type": "door"}}}); a.code() != "400 CODE_PARAMS_INVALID" || !strings.Contains(a.body, "may not be invited") {
		t.Error(a.body)
	}
	// A location, or a hub, stands for its doors.
	var topology []topologyObject
	p.unifi("GET", "/door_groups/topology", nil).into(t, &topology)
	w.must(w.desk.TakeVisitors(t.Context(), root, mustID(t, w, first), true))
	p.unifi("PUT", path, map[string]any{"resources": []any{map[string]any{"id": topology[0].ID, "type": "door_group"}}}).into(t, &is)
	if ids := doorsOf(is); !slices.Equal(ids, []string{first, second}) {
		t.Errorf("%v", ids)
	}
	p.unifi("PUT", path, map[string]any{"resources": []any{map[string]any{"id": topology[0].Floors[0].ID, "type": "door_group"}}}).into(t, &is)
	if ids := doorsOf(is); !slices.Equal(ids, []string{topology[0].Floors[0].Doors[0].ID}) {
		t.Errorf("%v", ids)
	}
}

// mustID returns the number of a door.
func mustID(t *testing.T, w *world, id string) int64 {
	t.Helper()
	n, err := w.api.ids.parse(kindDoor, id)
	w.must(err)
	return n
}

func doorsOf(o visitorObject) (ids []string) {
	for _, r := range o.Resources {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestAVisitorsStateTellsWhatBecameOfTheVisit(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	door, reader := w.visited()
	soon := w.visit(door)
	soon["first_name"], soon["start_time"], soon["end_time"] = "Soon", soon["start_time"].(int64)+7200, soon["end_time"].(int64)+7200
	states := map[string]string{}
	for _, name := range []string{"Came", "Absent", "Cancelled"} {
		request := w.visit(door)
		request["first_name"] = name
		states[name] = p.invited(request).ID
	}
	states["Soon"] = p.invited(soon).ID
	came, err := w.api.ids.parse(kindUser, states["Came"])
	w.must(err)
	w.granted(reader, uint64(came))
	if a := p.unifi("DELETE", "/visitors/"+states["Cancelled"], nil); a.code() != "200 SUCCESS" {
		t.Error(a.body)
	}
	check := func(want map[string]int) {
		t.Helper()
		total := 0
		for status := visitUpcoming; status <= visitActive; status++ {
			var some []visitorObject
			p.unifi("GET", fmt.Sprint("/visitors?page_size=10&page_num=1&status=", status), nil).into(t, &some)
			for _, o := range some {
				total++
				if o.Status != status || want[o.First] != status {
					t.Errorf("status %d: %s is %d, not %d", status, o.First, o.Status, want[o.First])
				}
			}
		}
		if total != len(want) {
			t.Errorf("%d visitors, not %d", total, len(want))
		}
	}
	check(map[string]int{"Came": visitVisiting, "Absent": visitActive, "Cancelled": visitCancelled, "Soon": visitUpcoming})
	w.passed.Store(int64(90 * time.Minute))
	check(map[string]int{"Came": visitVisited, "Absent": visitNone, "Cancelled": visitCancelled, "Soon": visitUpcoming})

	for id, want := range map[string]string{states["Came"]: "404 CODE_NOT_EXISTS", states["Cancelled"]: "200 SUCCESS"} {
		query := "?is_force=true"
		if want == "200 SUCCESS" { // it is over already
			query = ""
		}
		if a := p.unifi("DELETE", "/visitors/"+id+query, nil); a.code() != "200 SUCCESS" {
			t.Error(a.body)
		}
		if a := p.unifi("GET", "/visitors/"+id, nil); a.code() != want {
			t.Error(a.body)
		}
	}
}

// granted has a reader tell that it let a user in.
func (w *world) granted(reader string, user uint64) {
	w.t.Helper()
	r := &wire.Record{Kind: wire.AccessGranted, User: user, Number: 1, Time: w.clock().Wall.UnixMilli(), Trusted: true}
	m := &wire.Records{Reader: reader, Journal: wire.JournalID{1}, First: 1, Records: [][]byte{wire.Marshal(r)}}
	_, err := w.site.StoreRecords(w.t.Context(), w.clock(), []*wire.Records{m})
	w.must(err)
}

func TestVisitorsComeInPages(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	door, _ := w.visited()
	var want []string
	for i := range 5 {
		request := w.visit(door)
		request["first_name"], request["end_time"] = fmt.Sprint("Number", i), request["end_time"].(int64)+int64(60*i)
		want = append(want, p.invited(request).ID)
	}
	for _, query := range []string{"", "&keyword=love", "&keyword=love&status=99", "&status=6"} {
		var got []string
		for page := 1; page <= 3; page++ {
			var all []visitorObject
			a := p.unifi("GET", fmt.Sprintf("/visitors?page_num=%d&page_size=2%s", page, query), nil)
			a.into(t, &all)
			for _, o := range all {
				got = append(got, o.ID)
			}
			if want := fmt.Sprintf(`"pagination":{"page_num":%d,"page_size":2,"total":5}`, page); !strings.Contains(a.body, want) {
				t.Errorf("%s: %s", query, a.body)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", query, got, want)
		}
	}
	if a := p.unifi("GET", "/visitors?keyword=nobody", nil); !strings.Contains(a.body, `"data":[]`) {
		t.Error(a.body)
	}
}

func TestBadVisitsAreRefusedWithASentence(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage, desk.ScopeRead)
	door, _ := w.visited()
	_, other := w.reader()
	closed := w.api.ids.of(kindDoor, other)
	made := p.invited(w.visit(door))
	user := "/visitors/" + w.api.ids.of(kindUser, int64(w.user("No", "Visitor")))
	path, unknown := "/visitors/"+made.ID, "/visitors/"+w.api.ids.of(kindUser, 99)
	with := func(field string, value any) map[string]any {
		request := w.visit(door)
		request[field] = value
		return request
	}
	without := func(field string) map[string]any {
		request := w.visit(door)
		delete(request, field)
		return request
	}
	resource := func(id, kind string) any { return []any{map[string]any{"id": id, "type": kind}} }
	many := make([]any, maxPage+1)
	for i := range many {
		many[i] = map[string]any{"id": door, "type": "door"}
	}
	before := w.report()
	for _, c := range []struct {
		method, path string
		body         any
		want, says   string
	}{
		{"POST", "/visitors", nil, "400 CODE_PARAMS_INVALID", "needs a name"},
		{"POST", "/visitors", "[]", "400 CODE_PARAMS_INVALID", "must be an object"},
		{"POST", "/visitors", with("first_name", 1), "400 CODE_PARAMS_INVALID", "first_name must be a string"},
		{"POST", "/visitors", with("first_name", strings.Repeat("x", 100)), "400 CODE_PARAMS_INVALID", "at most 64"},
		{"POST", "/visitors", with("email", "nobody"), "400 CODE_USER_EMAIL_ERROR", "email"},
		{"POST", "/visitors", with("start_time", "now"), "400 CODE_PARAMS_INVALID", "start_time must be a whole number"},
		{"POST", "/visitors", with("start_time", -1), "400 CODE_PARAMS_INVALID", "start_time must be Unix seconds"},
		{"POST", "/visitors", with("end_time", 1<<62), "400 CODE_PARAMS_INVALID", "end_time must be Unix seconds"},
		{"POST", "/visitors", with("end_time", 1), "400 CODE_PARAMS_INVALID", "end"},
		{"POST", "/visitors", without("end_time"), "400 CODE_PARAMS_INVALID", "Enter when the visit ends"},
		{"POST", "/visitors", with("end_time", w.clock().Wall.Unix()+40*86400), "400 CODE_PARAMS_INVALID", "at most 31 days"},
		{"POST", "/visitors", without("resources"), "400 CODE_PARAMS_INVALID", "Choose at least one door"},
		{"POST", "/visitors", with("resources", []any{}), "400 CODE_PARAMS_INVALID", "Choose at least one door"},
		{"POST", "/visitors", with("resources", "door"), "400 CODE_PARAMS_INVALID", "resources must be a list"},
		{"POST", "/visitors", with("resources", many), "400 CODE_PARAMS_INVALID", "at most 1000"},
		{"POST", "/visitors", with("resources", resource("x", "door")), "400 CODE_PARAMS_INVALID", "resources are doors and door groups"},
		{"POST", "/visitors", with("resources", resource(door, "door_group")), "400 CODE_PARAMS_INVALID", "resources are doors and door groups"},
		{"POST", "/visitors", with("resources", resource(w.api.ids.of(kindLocation, 99), "door_group")), "400 CODE_PARAMS_INVALID", "resources are doors and door groups"},
		{"POST", "/visitors", with("resources", resource(w.api.ids.of(kindDoor, 99), "door")), "400 CODE_PARAMS_INVALID", "There is no door 99"},
		{"POST", "/visitors", with("resources", resource(closed, "door")), "400 CODE_PARAMS_INVALID", "Visitors may not be invited to"},
		{"POST", "/visitors", with("week_schedule", week("10:00:00", "17:00:59", "monday")), "400 CODE_DEVICE_API_NOT_SUPPORTED", "do not recur"},
		{"POST", "/visitors", `{"first_name": "` + strings.Repeat("x", maxBody) + `"}`, "413 CODE_PARAMS_INVALID", "too large"},
		{"GET", "/visitors?status=7", nil, "400 CODE_PARAMS_INVALID", "status must be 1 to 6"},
		{"GET", "/visitors?page_num=0", nil, "400 CODE_PARAMS_INVALID", "page_num"},
		{"GET", unknown, nil, "404 CODE_NOT_EXISTS", ""},
		{"GET", "/visitors/x", nil, "404 CODE_NOT_EXISTS", ""},
		{"GET", user, nil, "404 CODE_NOT_EXISTS", ""},
		{"PUT", unknown, map[string]any{}, "404 CODE_NOT_EXISTS", ""},
		{"PUT", user, map[string]any{"first_name": "Eve"}, "404 CODE_NOT_EXISTS", ""},
		{"PUT", path, "{", "400 CODE_PARAMS_INVALID", "not JSON"},
		{"PUT", path, map[string]any{"first_name": "", "last_name": ""}, "400 CODE_PARAMS_INVALID", "needs a name"},
		{"PUT", path, map[string]any{"end_time": 1}, "400 CODE_PARAMS_INVALID", "end"},
		{"PUT", path, map[string]any{"end_time": w.clock().Wall.Unix() + 40*86400}, "400 CODE_PARAMS_INVALID", "at most 31 days"},
		{"PUT", path, map[string]any{"resources": []any{}}, "400 CODE_PARAMS_INVALID", "Choose at least one door"},
		{"PUT", path, map[string]any{"resources": resource(closed, "door")}, "400 CODE_PARAMS_INVALID", "Visitors may not be invited to"},
		{"PUT", path, map[string]any{"week_schedule": week("10:00:00", "17:00:59", "monday")}, "400 CODE_DEVICE_API_NOT_SUPPORTED", "do not recur"},
		{"DELETE", unknown, nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", user + "?is_force=true", nil, "404 CODE_NOT_EXISTS", ""},
		{"DELETE", path + "?is_force=maybe", nil, "400 CODE_PARAMS_INVALID", "is_force"},
	} {
		if a := p.unifi(c.method, c.path, c.body); a.code() != c.want || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s %.200v: %d %.300s\nnot %s: %s", c.method, c.path, c.body, a.status, a.body, c.want, c.says)
		}
	}
	if after := w.report(); after != before {
		t.Errorf("a refused request changed something: %+v, before %+v", after, before)
	}
	var is visitorObject
	p.unifi("GET", path, nil).into(t, &is)
	if made.PIN.Digits, is.Status = "", made.Status; fmt.Sprintf("%+v", *is.PIN) != fmt.Sprintf("%+v", *made.PIN) || is.First != made.First || is.End != made.End || !slices.Equal(doorsOf(is), doorsOf(made)) {
		t.Errorf("a refused request changed it: %+v, not %+v", is, made)
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{{"GET", "/visitors", nil}, {"GET", path, nil}, {"POST", "/visitors", w.visit(door)}, {"PUT", path, map[string]any{"first_name": "Eve"}}, {"DELETE", path, nil}, {"DELETE", path + "?is_force=true", nil}} {
		w.wrongScope(c.method, c.path, c.body, desk.ScopeManage)
	}
}

// report is what the site holds.
func (w *world) report() (r struct{ Users, Visitors int }) {
	w.t.Helper()
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) (err error) {
		if r.Users, err = tx.CountUsers(); err != nil {
			return err
		}
		r.Visitors, err = tx.CountVisitors(store.VisitChoice{})
		return err
	}))
	return r
}

func TestDoorGroupsAreLocationsAndHubs(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead)
	reader, number := w.reader()
	door := groupResource{w.api.ids.of(kindDoor, number), "Door of " + reader, "door"}
	var topology []topologyObject
	p.unifi("GET", "/door_groups/topology", nil).into(t, &topology)
	if len(topology) != 1 || topology[0].Name != "Main building" || topology[0].Type != "building" || len(topology[0].Floors) != 1 {
		t.Fatalf("%+v", topology)
	}
	floor := topology[0].Floors[0]
	if floor.Type != "floor" || len(floor.Doors) != 1 || floor.Doors[0] != (topologyDoor{door, true}) {
		t.Errorf("%+v", floor)
	}
	var doors []doorObject
	p.unifi("GET", "/doors", nil).into(t, &doors)
	if doors[0].Floor != floor.ID {
		t.Errorf("%+v is not on the floor %+v", doors[0], floor)
	}
	var all []doorGroupObject
	p.unifi("GET", "/door_groups", nil).into(t, &all)
	want := doorGroupObject{floor.ID, "Main building - " + floor.Name, "access", []groupResource{door}}
	if len(all) != 1 || fmt.Sprint(all[0]) != fmt.Sprint(want) {
		t.Errorf("%+v, not %+v", all, want)
	}
	var one doorGroupObject
	p.unifi("GET", "/door_groups/"+floor.ID, nil).into(t, &one)
	if fmt.Sprint(one) != fmt.Sprint(want) {
		t.Errorf("%+v, not %+v", one, want)
	}
	p.unifi("GET", "/door_groups/"+topology[0].ID, nil).into(t, &one)
	if fmt.Sprint(one) != fmt.Sprint(doorGroupObject{topology[0].ID, "Main building", "building", []groupResource{door}}) {
		t.Errorf("%+v", one)
	}
	for what, code := range map[string]string{
		"GET /door_groups/x": "404 CODE_NOT_EXISTS", "GET /door_groups/" + door.ID: "404 CODE_NOT_EXISTS",
		"POST /door_groups": "400 CODE_DEVICE_API_NOT_SUPPORTED", "PUT /door_groups/" + floor.ID: "400 CODE_DEVICE_API_NOT_SUPPORTED", "DELETE /door_groups/" + floor.ID: "400 CODE_DEVICE_API_NOT_SUPPORTED",
	} {
		method, path, _ := strings.Cut(what, " ")
		var body any
		if method != http.MethodGet {
			body = map[string]any{"group_name": "A", "resources": []string{door.ID}}
		}
		if a := p.unifi(method, path, body); a.code() != code {
			t.Errorf("%s: %s", what, a.body)
		}
	}
	for _, path := range []string{"/door_groups", "/door_groups/topology", "/door_groups/" + floor.ID} {
		w.wrongScope("GET", path, nil, desk.ScopeRead)
	}
}
