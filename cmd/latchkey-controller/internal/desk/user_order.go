package desk

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A UserOrder is the order of a list of users. "-" before it turns it round.
type UserOrder = store.UserOrder

// Two of the orders.
const (
	ByName = store.ByName
	BySeen = store.BySeen // those first who were not seen for longest
)

// UserOrders returns all orders.
func UserOrders() []UserOrder {
	return []UserOrder{store.ByName, store.ByNameDown, store.BySeenDown, store.BySeen, store.ByUntil, store.ByUntilDown, store.ByAddedDown, store.ByAdded}
}

var orderTitles = map[UserOrder]*language.Sentence{
	store.ByName: language.Say("Name"), store.ByNameDown: language.Say("Name, from Z to A"), store.BySeenDown: language.Say("Seen last"), store.BySeen: language.Say("Not seen for longest"),
	store.ByUntil: language.Say("Validity ends first"), store.ByUntilDown: language.Say("Validity ends last"), store.ByAddedDown: language.Say("Added last"), store.ByAdded: language.Say("Added first"),
}

// OrderTitle returns an order's name for people.
func OrderTitle(o UserOrder) *language.Sentence {
	return cmp.Or(orderTitles[o], language.Data(string(o)))
}

// MayOrder says whether an actor may have users in an order: when they were last seen is not told to those who are limited to
// locations, but of these.
func (a Actor) MayOrder(order UserOrder) bool {
	return !a.Limited() || order != store.BySeen && order != store.BySeenDown
}

// userOrder checks an order; "" is by name. Field: "order".
func userOrder(a Actor, order UserOrder) (UserOrder, error) {
	switch {
	case order == "":
		return store.ByName, nil
	case !slices.Contains(UserOrders(), order):
		var names []string
		for _, order := range UserOrders() {
			names = append(names, string(order))
		}
		return "", wrong("order", "Unknown order; choose one of these: %s", strings.Join(names, ", "))
	case !a.MayOrder(order):
		return "", wrong("order", "Only administrators of the whole site have users in order of when they were last seen")
	}
	return order, nil
}

// encodeCursor returns a cursor as text; "": the zero value.
func encodeCursor(at store.UserCursor) string {
	if at == (store.UserCursor{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatUint(at.ID, 10) + " " + strconv.FormatInt(at.Key, 10) + " " + at.Sort))
}

func parseCursor(text string) (at store.UserCursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return at, err
	}
	id, rest, _ := strings.Cut(string(b), " ")
	key, sort, _ := strings.Cut(rest, " ")
	if at.ID, err = strconv.ParseUint(id, 10, 63); err != nil {
		return at, err
	}
	at.Sort = sort
	at.Key, err = strconv.ParseInt(key, 10, 64)
	return at, err
}
