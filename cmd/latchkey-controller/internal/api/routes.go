package api

import (
	"net/http"
	"strings"
)

// Where the two parts are.
const (
	unifiBase = "/api/v1/developer"
	ownBase   = "/api/latchkey/v1"
)

// A handler answers a request with data, or answered.
type handler = func(*call) (data any, err error)

// A route is a method and a path, below the base of its part, and what answers there.
type route struct {
	method, path string
	do           handler
	missing      string // the code for desk.ErrNotFound, in the UniFi part; "": codeNotExists
}

// unifiRoutes are those of the UniFi Access developer API.
func (a *API) unifiRoutes() []route {
	return []route{
		{"GET", "/access_policies", a.policies, ""},
		{"POST", "/access_policies", a.addPolicy, ""},
		{"GET", "/access_policies/{id}", a.policy, ""},
		{"PUT", "/access_policies/{id}", a.changePolicy, ""},
		{"DELETE", "/access_policies/{id}", a.removePolicy, ""},

		{"GET", "/access_policies/schedules", a.schedules, ""},
		{"POST", "/access_policies/schedules", a.addSchedule, ""},
		{"GET", "/access_policies/schedules/{id}", a.schedule, ""},
		{"PUT", "/access_policies/schedules/{id}", a.changeSchedule, ""},
		{"DELETE", "/access_policies/schedules/{id}", a.removeSchedule, ""},
		{"GET", "/access_policies/holiday_groups", a.holidayGroups, ""},
		{"POST", "/access_policies/holiday_groups", absent("other holiday groups than the site's"), ""},
		{"GET", "/access_policies/holiday_groups/{id}", a.holidayGroup, ""},
		{"PUT", "/access_policies/holiday_groups/{id}", a.changeHolidayGroup, ""},
		{"DELETE", "/access_policies/holiday_groups/{id}", a.removeHolidayGroup, ""},

		{"GET", "/visitors", a.visitors, ""},
		{"POST", "/visitors", a.inviteVisitor, ""},
		{"GET", "/visitors/{id}", a.visitor, ""},
		{"PUT", "/visitors/{id}", a.changeVisitor, ""},
		{"DELETE", "/visitors/{id}", a.cancelVisit, ""},
		{"PUT", "/visitors/{id}/pin_codes", a.setPIN(a.visitorOf), ""},
		{"DELETE", "/visitors/{id}/pin_codes", a.removePIN(a.visitorOf), ""},
		{"PUT", "/visitors/{id}/nfc_cards", a.giveCard(a.visitorOf), ""},
		{"PUT", "/visitors/{id}/nfc_cards/delete", a.removeCard(a.visitorOf), ""},

		{"GET", "/user_groups", a.userGroups, ""},
		{"POST", "/user_groups", a.addUserGroup, ""},
		{"GET", "/user_groups/{id}", a.userGroup, ""},
		{"PUT", "/user_groups/{id}", a.renameUserGroup, ""},
		{"DELETE", "/user_groups/{id}", a.removeUserGroup, ""},
		{"GET", "/user_groups/{id}/users", a.groupUsers, ""},
		{"GET", "/user_groups/{id}/users/all", a.groupUsers, ""},
		{"POST", "/user_groups/{id}/users", a.addToGroup, ""},
		{"POST", "/user_groups/{id}/users/delete", a.takeFromGroup, ""},
		{"GET", "/user_groups/{id}/access_policies", a.policiesOfGroup, ""},
		{"PUT", "/user_groups/{id}/access_policies", a.setPoliciesOfGroup, ""},

		{"GET", "/door_groups", a.doorGroups, ""},
		{"POST", "/door_groups", absent("door groups other than locations and hubs"), ""},
		{"GET", "/door_groups/topology", a.topology, ""},
		{"GET", "/door_groups/{id}", a.doorGroup, ""},
		{"PUT", "/door_groups/{id}", absent("door groups other than locations and hubs"), ""},
		{"DELETE", "/door_groups/{id}", absent("door groups other than locations and hubs"), ""},

		{"GET", "/credentials/touch_passes", absent("Touch Passes"), ""},
		{"POST", "/credentials/touch_passes", absent("Touch Passes"), ""},
		{"GET", "/credentials/touch_passes/search", absent("Touch Passes"), ""},
		{"GET", "/credentials/touch_passes/assignable", absent("Touch Passes"), ""},
		{"GET", "/credentials/touch_passes/{id}", absent("Touch Passes"), ""},
		{"PUT", "/credentials/touch_passes/{id}", absent("Touch Passes"), ""},
		{"PUT", "/users/touch_passes/assign", absent("Touch Passes"), ""},
		{"PUT", "/users/{id}/touch_passes/{pass}", absent("Touch Passes"), ""},
		{"DELETE", "/users/{id}/touch_passes/{pass}", absent("Touch Passes"), ""},
		{"PUT", "/users/{id}/license_plates", absent("license plates"), ""},
		{"DELETE", "/users/{id}/license_plates/{plate}", absent("license plates"), ""},
		{"PUT", "/visitors/{id}/license_plates", absent("license plates"), ""},
		{"DELETE", "/visitors/{id}/license_plates/{plate}", absent("license plates"), ""},
		{"PUT", "/visitors/{id}/qr_codes", absent("QR codes"), ""},
		{"DELETE", "/visitors/{id}/qr_codes", absent("QR codes"), ""},
		{"GET", "/credentials/qr_codes/download/{id}", absent("QR codes"), ""},
		{"POST", "/users/{id}/avatar", absent("pictures of users"), ""},
		{"GET", "/users/identity/assignments", absent("UniFi Identity resources"), ""},
		{"GET", "/users/{id}/identity/assignments", absent("UniFi Identity resources"), ""},
		{"POST", "/users/{id}/identity/assignments", absent("UniFi Identity resources"), ""},
		{"GET", "/user_groups/{id}/identity/assignments", absent("UniFi Identity resources"), ""},
		{"POST", "/user_groups/{id}/identity/assignments", absent("UniFi Identity resources"), ""},
		{"POST", "/api_server/certificates", absent("certificates to be set through the API"), ""},
		{"DELETE", "/api_server/certificates", absent("certificates to be set through the API"), ""},
		{"GET", "/system/logs/resource/{id}", absent("pictures or recordings of events"), ""},
		{"POST", "/devices/{id}/doorbell", absent("doorbells"), ""},

		{"GET", "/doors", a.doors, ""},
		{"GET", "/doors/{id}", a.door, ""},
		{"PUT", "/doors/{id}/unlock", a.onceFor(onceUnlock, a.unlock), ""},
		{"GET", "/doors/{id}/lock_rule", a.lockRule, ""},
		{"PUT", "/doors/{id}/lock_rule", a.setLockRule, ""},
		{"GET", "/doors/settings/emergency", a.emergency, ""},
		{"PUT", "/doors/settings/emergency", a.setEmergency, ""},
		{"GET", "/devices", a.devices, ""},
		{"GET", "/devices/{id}/settings", a.deviceSettings, codeNoDevice},
		{"PUT", "/devices/{id}/settings", a.setDeviceSettings, codeNoDevice},
		{"GET", "/devices/notifications", a.notifications, ""},
		{"POST", "/system/logs", a.systemLogs, ""},
		{"POST", "/system/logs/export", a.exportLogs, ""},
		{"GET", "/webhooks/endpoints", a.endpoints, ""}, {"POST", "/webhooks/endpoints", a.addEndpoint, ""}, {"PUT", "/webhooks/endpoints/{id}", a.setEndpoint, ""}, {"DELETE", "/webhooks/endpoints/{id}", a.removeEndpoint, ""},

		{"POST", "/users", a.addUser, ""},
		{"GET", "/users", a.users, ""},
		{"GET", "/users/search", a.searchUsers, ""},
		{"GET", "/users/{id}", a.user, codeNoUser},
		{"PUT", "/users/{id}", a.editUser, codeNoUser},
		{"DELETE", "/users/{id}", a.removeUser, codeNoUser},
		{"GET", "/users/{id}/access_policies", a.policiesOfUser, codeNoUser},
		{"PUT", "/users/{id}/access_policies", a.setPoliciesOfUser, codeNoUser},
		{"PUT", "/users/{id}/pin_codes", a.setPIN(a.userOf), codeNoUser},
		{"DELETE", "/users/{id}/pin_codes", a.removePIN(a.userOf), codeNoUser},
		{"PUT", "/users/{id}/nfc_cards", a.giveCard(a.userOf), codeNoUser},
		{"PUT", "/users/{id}/nfc_cards/delete", a.removeCard(a.userOf), codeNoUser},
		{"POST", "/users/identity/invitations", a.invite, ""},

		{"POST", "/credentials/pin_codes", a.drawPIN, ""},
		{"POST", "/credentials/nfc_cards/sessions", a.startSession, codeNoDevice},
		{"GET", "/credentials/nfc_cards/sessions/{id}", a.session, codeNoSession},
		{"DELETE", "/credentials/nfc_cards/sessions/{id}", a.endSession, codeNoSession},
		{"GET", "/credentials/nfc_cards/tokens", a.cards, ""},
		{"GET", "/credentials/nfc_cards/tokens/{token}", a.card, ""},
		{"PUT", "/credentials/nfc_cards/tokens/{token}", a.nameCard, ""},
		{"DELETE", "/credentials/nfc_cards/tokens/{token}", a.takeCard, ""},
		{"POST", "/credentials/nfc_cards/import", a.importCards, ""},
	}
}

// ownRoutes are those that are ours alone.
func (a *API) ownRoutes() []route {
	return []route{
		{"GET", "/site", a.site, ""},
		{"GET", "/events", a.events, ""},
		{"GET", "/users", a.listedUsers, ""},
		{"GET", "/lockouts", a.lockouts, ""},
		{"GET", "/odds", a.odds, codeNoDevice},
		{"GET", "/readers/{reader}/policy", a.readerPolicy, codeNoDevice},
		{"PUT", "/readers/{reader}/policy", a.setReaderPolicy, codeNoDevice},
		{"POST", "/doors/{id}/unlock", a.onceFor(onceUnlock, a.unlockDoor), ""},
		{"GET", "/doors/{id}/visitors", a.doorVisitors, ""},
		{"PUT", "/doors/{id}/visitors", a.setDoorVisitors, ""},
		{"GET", "/adoptions/waiting", a.waiting, ""},
		{"POST", "/adoptions", a.onceFor(oncePost, a.adopt), ""},
	}
}

func (a *API) routes() {
	for _, rt := range a.unifiRoutes() {
		a.mux.Handle(rt.method+" "+unifiBase+rt.path, a.serve(unifi{}, rt))
	}
	for _, rt := range a.ownRoutes() {
		a.mux.Handle(rt.method+" "+ownBase+rt.path, a.serve(own{}, rt))
	}
	a.mux.HandleFunc("GET /openapi.json", a.serveOpenAPI())
	a.mux.Handle("GET /metrics", a.serve(own{}, route{do: a.serveMetrics}))
	nothing := route{do: a.nothing}
	for _, path := range []string{unifiBase, unifiBase + "/"} {
		a.mux.Handle(path, a.serve(unifi{}, nothing))
	}
	for _, path := range []string{ownBase, ownBase + "/"} {
		a.mux.Handle(path, a.serve(own{}, nothing))
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		unifi{}.fail(w, refuse(http.StatusNotFound, codeNoResource, "There is nothing at this address"))
	})
}

// nothing answers where no route is.
func (a *API) nothing(c *call) (any, error) {
	var takes []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := c.r.Clone(c.r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); method != c.r.Method && len(pattern) > 0 && pattern[0] != '/' {
			takes = append(takes, method)
		}
	}
	if len(takes) > 0 {
		allow := strings.Join(takes, ", ")
		return nil, &refusal{status: http.StatusMethodNotAllowed, code: codeUnsupported, text: "This address does not take " + c.r.Method + ", but " + allow, allow: allow}
	}
	return nil, refuse(http.StatusNotFound, codeNoResource, "There is nothing at this address")
}
