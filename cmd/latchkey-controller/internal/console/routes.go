package console

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// routes registers all the console's URLs. {id} is a number, which the visit holds.
func (c *Console) routes() {
	c.mux.HandleFunc("GET /static/", c.serveStatic)
	c.open("GET /sign-in", c.signInPage)
	c.open("POST /sign-in", c.signIn)
	c.open("POST /language", c.chooseLanguage)
	c.open("GET /sign-in/passkey", c.askPasskey)
	c.open("GET /sign-in/oidc", c.goToProvider)
	c.open("GET "+desk.ProviderCallback, c.fromProvider)
	c.open("GET /link/{token}", c.linkPage)
	c.open("POST /link/{token}", c.useLink)
	c.open("GET /trust", c.trustPage)
	c.open("GET /trust/authority.crt", c.authorityCertificate)
	c.open("GET /trust/authority.pem", c.authorityPEM)
	c.page("POST /sign-out", c.signOut)
	c.page("GET /events", c.liveUpdates)
	c.page("/", func(http.ResponseWriter, *http.Request, *visit) error { return desk.ErrNotFound })

	c.page("GET /{$}", c.overview)
	c.form("POST /first-steps/hide", c.hideFirstSteps, nil)
	c.form("POST /mode", c.setMode(""), c.showOverview("mode"))
	c.form("POST /locations/{id}/mode", c.setMode(desk.Locations), c.showLocationModes)
	c.form("POST /doors/{id}/mode", c.setMode(desk.Doors), c.showDoor("overview"))
	c.form("POST /doors/{id}/early", c.endEarly, nil)
	c.form("POST /modes/{id}/end", c.endMode, c.showOverview("end"))

	c.page("GET /activity", c.activity)
	c.form("POST /activity/export", c.export, c.showFilter) // POST: an export is audited

	c.page("GET /users", c.users)
	c.page("GET /users/new", may(desk.AddUser, fresh(c.showNewUser)))
	c.form("POST /users", c.addUser, c.showNewUser)
	c.page("GET /users/elsewhere", c.elsewhere)
	c.page("GET /users/return-card", may(desk.ReturnCard, fresh(c.showReturn)))
	c.form("POST /users/return-card", c.returnNobodysCard, c.showReturn)
	c.page("GET /users/import", may(desk.ImportUsers, fresh(c.showUsersFile)))
	c.page("POST /users/import", may(desk.ImportUsers, slow((&formHandler{c, c.uploadUsers, c.showUsersFile}).submit))) // before its body is read
	c.page("GET /users/import/file/{key}", may(desk.ImportUsers, c.preview))
	c.page("POST /users/import/file/{key}", may(desk.ImportUsers, slow((&formHandler{c, c.importUsers, c.showPreview}).submit)))
	c.form("POST /users/export", c.exportUsers, nil) // POST: an export is audited
	c.page("GET /users/edit", may(desk.EditUsers, c.usersEdit))
	c.form("POST /users/edit", c.editUsers, c.showUsersEdit)
	c.page("GET /users/{id}", c.user)
	c.form("POST /users/{id}", c.editUser, c.showAbout)
	c.form("POST /users/{id}/remove", c.removeUser, nil)
	c.form("POST /users/{id}/suspend", c.suspendUser, nil)
	c.form("POST /users/{id}/pin", c.setPIN, c.showAdding("pin"))
	c.form("POST /users/{id}/pin/remove", c.removePIN, nil)
	c.form("POST /users/{id}/duress-pin", secretly(c.setDuressPIN), c.showDuressPIN)
	c.form("POST /users/{id}/duress-pin/remove", secretly(c.removeDuressPIN), nil)
	c.form("POST /users/{id}/cards", c.addCard, c.showAdding("card"))
	c.form("POST /users/{id}/cards/{credential}/remove", c.removeCard, nil)
	c.form("POST /users/{id}/cards/new", c.newCard, c.showAdding("new"))
	c.form("POST /users/{id}/cards/{credential}/rekey", c.rekeyCard, c.showCardAct("rekey"))
	c.form("POST /users/{id}/cards/{credential}/return", c.returnCard, c.showCardAct("return"))
	c.form("POST /users/{id}/enrol", c.enrol, c.showAdding("enrol"))
	c.form("POST /users/{id}/enrol/{enrolment}", c.confirmCard, c.showEnrolment)
	c.form("POST /users/{id}/enrol/{enrolment}/drop", c.dropCard, nil)

	c.page("GET /groups", c.groups)
	c.form("POST /groups", c.addGroup, c.showNewGroup)
	c.page("GET /groups/{group}", c.group)
	c.form("POST /groups/{group}/members", c.addMembers, c.showGroup("members", "add"))
	c.form("POST /groups/{group}/members/remove", c.removeMembers, c.showGroup("members", ""))
	c.form("POST /groups/{group}/access", c.giveAccess, c.showGroup("doors", "add"))
	c.form("POST /groups/{group}/access/remove", c.takeAccess, c.showGroup("doors", "take"))
	c.form("POST /groups/{group}/rename", c.renameGroup, c.showGroup("settings", ""))
	c.form("POST /groups/{group}/remove", c.removeGroup, c.showGroup("settings", "remove"))

	c.page("GET /visitors", c.visitors)
	c.page("GET /visitors/new", may(desk.InviteVisitor, fresh(c.showInvitation)))
	c.form("POST /visitors", c.invite, c.showInvitation)
	c.page("GET /visitors/{id}", c.visitor)
	c.form("POST /visitors/{id}/pin", c.newSlip, c.showVisitor("pin"))
	c.form("POST /visitors/{id}/end", c.endVisit, nil)

	c.page("GET /places", c.places)
	c.page("GET /places/new/{kind}", may(desk.EditPlaces, fresh(c.showNewPlace)))
	c.form("POST /places/new/{kind}", c.addPlace, c.showNewPlace)
	c.page("GET /locations/{id}", fresh(c.showLocation))
	c.form("POST /locations/{id}", c.renamePlace(desk.Locations), c.showLocation)
	c.form("POST /locations/{id}/remove", c.removePlace(desk.Locations, "/places"), nil)
	c.page("GET /hubs/{id}", fresh(c.showHub))
	c.form("POST /hubs/{id}", c.renamePlace(desk.Hubs), c.showHub)
	c.form("POST /hubs/{id}/remove", c.removePlace(desk.Hubs, "/devices"), nil)
	c.page("GET /doors/{id}", c.door)
	c.form("POST /doors/{id}", c.editDoor, c.showDoor("settings"))
	c.form("POST /doors/{id}/visitors", c.takeVisitors, nil)
	c.form("POST /doors/{id}/remove", c.removePlace(desk.Doors, "/"), nil)

	c.page("GET /schedules", c.schedules)
	c.page("GET /schedules/new", may(desk.EditSchedules, fresh(c.showNewSchedule)))
	c.form("POST /schedules", c.addSchedule, c.showNewSchedule)
	c.page("GET /schedules/holidays", fresh(c.showHolidays))
	c.page("GET /schedules/holidays/new", may(desk.EditHolidays, fresh(c.showNewHoliday)))
	c.form("POST /schedules/holidays", c.addHoliday, c.showNewHoliday)
	c.page("GET /schedules/holidays/import", may(desk.EditHolidays, fresh(c.showCalendarFile)))
	c.form("POST /schedules/holidays/import", c.planHolidays, c.showCalendarFile)
	c.form("POST /schedules/holidays/take", c.takeHolidays, c.showChosenHolidays)
	c.form("POST /schedules/holidays/past", c.removePastHolidays, c.showHolidays)
	c.page("GET /schedules/holidays/{id}", fresh(c.showHoliday))
	c.form("POST /schedules/holidays/{id}/edit", c.editHoliday, c.showHoliday)
	c.form("POST /schedules/holidays/{id}/remove", c.removeHoliday, c.showHoliday)
	c.page("GET /schedules/{id}", fresh(c.showSchedule))
	c.form("POST /schedules/{id}", c.editSchedule, c.showSchedule)
	c.form("POST /schedules/{id}/remove", c.removeSchedule, nil)

	c.page("GET /devices", c.devices)
	c.page("GET /devices/adopt", may(desk.AdoptReader, fresh(c.showUpload)))
	c.form("POST /devices/adopt", c.readRequest, c.showUpload)
	c.form("POST /devices/adopt/reader", c.adopt, c.showCompare)
	c.page("GET /devices/waiting/{id}", may(desk.ViewWaiting, c.waiting))
	c.form("POST /devices/waiting/{id}", c.adoptWaiting, c.showAdoptWaiting)
	c.form("POST /devices/waiting/{id}/refuse", c.refuseWaiting, c.showWaiting("refuse"))
	c.form("POST /devices/waiting/{id}/take-back", c.takeBack, c.showWaiting("take-back"))
	c.page("GET /devices/bundles/{key}", may(desk.AdoptReader, c.bundle))

	c.page("GET /readers/{reader}", c.reader)
	c.form("POST /readers/{reader}/order", c.order, nil)
	c.page("GET /readers/{reader}/pin", c.pinSwitch)
	c.form("POST /readers/{reader}/pin", c.switchPIN, nil)
	c.form("POST /readers/{reader}/authentication", c.setAuthentication, c.showReaderRules(ruleForm{tab: "identification"}))
	c.form("POST /readers/{reader}/odds", c.odds, nil)
	c.form("POST /readers/{reader}/door", c.setDoor, c.showReaderRules(ruleForm{tab: "settings", form: "rules"}))
	c.form("POST /readers/{reader}/screen", c.setScreen, c.showReader("screen", ""))
	c.form("POST /readers/{reader}/access", c.setAccess, c.showReaderRules(ruleForm{tab: "access"}))
	c.form("POST /readers/{reader}/access/remove", c.removeAccess, c.showReaderRules(ruleForm{tab: "access", ask: "remove"}))
	c.form("POST /readers/{reader}/mode-groups", c.setModeGroups, c.showReaderRules(ruleForm{tab: "access"}))
	c.form("POST /readers/{reader}/opening", c.setOpening, c.showReaderRules(ruleForm{tab: "hours"}))
	c.form("POST /readers/{reader}/two-proofs", c.setTwoProofs, c.showReaderRules(ruleForm{tab: "identification", form: "both"}))
	c.form("POST /readers/{reader}/calendar", c.setCalendar, c.showReaderRules(ruleForm{tab: "hours", form: "calendar"}))
	c.form("POST /readers/{reader}/move", c.moveReader, c.showReader("device", ""))
	c.form("POST /readers/{reader}/cell", c.moveReaderToCell, c.showReader("device", "cell"))
	c.form("POST /readers/{reader}/budget", c.renewBudget, c.showReader("device", "budget"))
	c.form("POST /readers/{reader}/remove", c.removeReader, c.showRemoval)

	c.page("GET /tokens", c.tokens)
	c.form("POST /tokens", c.makeToken, c.showNewToken)
	c.form("POST /tokens/{id}/revoke", c.revokeToken, nil)
	c.page("GET /mail", may(desk.ViewMail, c.mail))
	c.form("POST /mail", c.setMail, c.showMail(""))
	c.form("POST /mail/test", c.testMail, c.showMail(""))
	c.form("POST /mail/off", c.mailOff, c.showMail("off"))
	c.page("GET /webhooks", c.webhooks)
	c.form("POST /webhooks", c.addWebhook, c.showNewWebhook)
	c.form("POST /webhooks/hosts", c.allowHost, c.showNewHost)
	c.form("POST /webhooks/hosts/remove", c.forbidHost, nil)
	c.page("GET /webhooks/{id}", c.webhook)
	c.form("POST /webhooks/{id}", c.editWebhook, c.showWebhookEdit)
	c.form("POST /webhooks/{id}/secret", c.newWebhookSecret, c.showNewWebhookSecret)
	c.form("POST /webhooks/{id}/remove", c.removeWebhook, nil)
	c.form("POST /webhooks/{id}/test", c.testWebhook, c.showWebhookWrong)
	c.form("POST /webhooks/{id}/resend", c.resendDelivery, c.showWebhookWrong)

	c.page("GET /cells", c.cells)
	c.page("GET /cells/new", may(desk.AddCell, fresh(c.showNewCell)))
	c.form("POST /cells", c.addCell, c.showNewCell)
	c.page("GET /cells/{id}", c.cell)
	c.form("POST /cells/{id}", c.editCell, c.showCell)
	c.form("POST /cells/{id}/move", c.moveToCell, c.showMoving)
	c.form("POST /cells/{id}/remove", c.removeCell, c.showCellRemoval)

	c.page("GET /settings", c.settings)
	c.form("POST /settings", c.setSettings, c.showSettings(""))
	c.form("POST /settings/clock", c.confirmClock, nil)
	c.form("POST /settings/zone", c.setZone, c.showSettings(""))
	c.form("POST /settings/guesses", c.setGuesses, c.showSettings(""))
	c.form("POST /settings/brokers", c.setBrokers, c.showSettings(""))
	c.form("POST /settings/pins", c.setPINReaders, c.showSettings("pins"))
	c.form("POST /settings/tpms", c.addTPMAuthorities, c.showSettings("tpms"))
	c.form("POST /settings/tpms/remove", c.removeTPMAuthority, c.showSettings("tpm-remove"))
	c.form("POST /settings/backup", c.backup, c.showSettings("backup"))
	c.form("POST /settings/epoch", c.newEpoch, c.showSettings("epoch"))
	c.page("GET /settings/administrators", c.admins)
	c.form("POST /settings/administrators", c.addAdmin, c.showNewAdmin)
	c.form("POST /settings/administrators/{id}/{act}", c.changeAdmin, c.showAdmin)
	c.page("GET /settings/audit", may(desk.ViewActs, c.audit))
	c.page("GET /settings/sign-in", may(desk.ViewSignIn, fresh(c.showRules)))
	c.form("POST /settings/sign-in", c.setRules, c.showRules)
	c.form("POST /settings/sign-in/provider", c.setProvider, c.showProvider)
	c.form("POST /settings/sign-in/provider/remove", c.removeProvider, c.showProvider)
	c.page("GET /settings/account", c.account)
	c.page("GET /settings/account/passkey", c.newPasskey)
	c.page("GET /settings/account/again", c.askPasskeyAgain)
	c.form("POST /settings/account/again", c.signInAgain, c.showAccountAsking("add", 0))
	c.form("POST /settings/account/passkeys", c.addPasskey, c.showAccountAsking("add", 0))
	c.form("POST /settings/account/passkeys/{id}/{act}", c.changePasskey, c.showPasskey)
	c.form("POST /settings/account", c.changePassword, c.showAccount)
	c.form("POST /settings/account/sign-out", c.signOutElsewhere, nil)
}

// open registers a page that needs no session.
func (c *Console) open(pattern string, handle func(http.ResponseWriter, *http.Request) error) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxAnonymousBody)
		if err := handle(w, r); err != nil {
			c.fail(w, r, c.newVisit(r), err)
		}
	})
}

// page registers a page for signed-in administrators.
func (c *Console) page(pattern string, handle handler) { c.mux.Handle(pattern, c.signedIn(handle)) }

// form registers a form's handler, and the page that shows the form again.
func (c *Console) form(pattern string, act func(*http.Request, *visit, *form) (answer, error), show formPage) {
	c.mux.Handle(pattern, &formHandler{c, act, show})
}

// fresh shows an empty form.
func fresh(show formPage) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error { return show(w, r, v, http.StatusOK, nil) }
}

// may shows a page only to roles that may act.
func may(act desk.Act, handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		if err := v.refusal(act); err != nil {
			return err
		}
		return handle(w, r, v)
	}
}
