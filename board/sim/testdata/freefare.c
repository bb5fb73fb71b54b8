// Judges an emulated DESFire EV1 to EV3 by libfreefare 0.4.0, which checks every MAC and
// checksum of the card's: keys of all types, changed in sessions of all kinds, and files
// read and written in all modes. It starts with a card fresh from the factory and leaves
// one.
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <freefare.h>
#include <nfc/nfc.h>

static MifareTag tag;

#define must(what)                                                                        \
	do {                                                                                  \
		int result = (what);                                                              \
		if (result < 0)                                                                   \
			errx(1, "%d: %s: card %02x, reader %02x", __LINE__, #what,                    \
			    mifare_desfire_last_picc_error(tag), mifare_desfire_last_pcd_error(tag)); \
	} while (0)
#define check(what)                                      \
	do {                                                 \
		if (!(what)) errx(1, "%d: %s", __LINE__, #what); \
	} while (0)

static uint8_t zero[24], bytes[24];

enum type { DES, DES3, DES3K, AES };

// key is a key of a type, of zeros or of other bytes.
static MifareDESFireKey key(enum type t, bool other) {
	uint8_t *v = other ? bytes : zero;
	switch (t) {
	case DES: return mifare_desfire_des_key_new(v);
	case DES3: return other ? mifare_desfire_3des_key_new(v) : mifare_desfire_des_key_new(v);
	case DES3K: return mifare_desfire_3k3des_key_new_with_version(v);
	default: return mifare_desfire_aes_key_new_with_version(v, other ? 7 : 0);
	}
}

static int authenticate(uint8_t number, enum type t, MifareDESFireKey k, bool legacy) {
	if (legacy) return mifare_desfire_authenticate(tag, number, k);
	return t == AES ? mifare_desfire_authenticate_aes(tag, number, k) : mifare_desfire_authenticate_iso(tag, number, k);
}

static void files(uint8_t mode, bool legacy) {
	uint8_t text[150], read[200]; // it reads the checksum, too
	for (size_t i = 0; i < sizeof text; i++) text[i] = i + mode;
	must(mifare_desfire_create_std_data_file(tag, mode, mode, 0x0000, sizeof text));
	// It makes a D40 MAC over too much for a length one less than a whole block, or whole.
	size_t lengths[] = {5, legacy && mode == MDCM_MACED ? 50 : 48, 133};
	for (size_t i = 0; i < 3; i++) {
		size_t n = lengths[i];
		must(mifare_desfire_write_data(tag, mode, 0, n, text));
		memset(read, 0, sizeof read);
		check(mifare_desfire_read_data(tag, mode, 0, n, read) == (ssize_t)n);
		check(memcmp(text, read, n) == 0);
	}
	struct mifare_desfire_file_settings settings;
	must(mifare_desfire_get_file_settings(tag, mode, &settings));
	check(settings.communication_settings == mode && settings.settings.standard_file.file_size == sizeof text);
	must(mifare_desfire_change_file_settings(tag, mode, mode, 0xE000));
}

static void application(enum type t, bool legacy) {
	MifareDESFireAID aid = mifare_desfire_aid_new(0x030201);
	MifareDESFireKey old = key(t, false), new = key(t, true);
	uint8_t settings, max, version;
	char *uid;

	must(mifare_desfire_select_application(tag, NULL));
	MifareDESFireKey master = key(DES, false);
	must(authenticate(0, DES, master, legacy));
	if (t == AES) must(mifare_desfire_create_application_aes(tag, aid, 0x0B, 3));
	else if (t == DES3K) must(mifare_desfire_create_application_3k3des(tag, aid, 0x0B, 3));
	else must(mifare_desfire_create_application(tag, aid, 0x0B, 3));

	must(mifare_desfire_select_application(tag, aid));
	must(authenticate(0, t, old, legacy));
	must(mifare_desfire_get_key_settings(tag, &settings, &max));
	check(settings == 0x0B && max == 3);
	must(mifare_desfire_change_key(tag, 1, new, old));
	must(mifare_desfire_get_key_version(tag, 1, &version));
	check(t != AES || version == 7);
	must(mifare_desfire_change_key(tag, 0, new, old));
	check(authenticate(0, t, old, legacy) < 0);
	must(authenticate(1, t, new, legacy));
	if (!legacy) {
		must(mifare_desfire_get_card_uid(tag, &uid));
		check(strcmp(uid, "04a1b2c3d4e580") == 0);
		free(uid);
	}
	must(authenticate(0, t, new, legacy));
	files(MDCM_PLAIN, legacy);
	// libfreefare 0.4.0 gives a MAC of DES 4 bytes of its buffer and writes 8.
	if (legacy || t == DES3K || t == AES) files(MDCM_MACED, legacy);
	files(MDCM_ENCIPHERED, legacy);
	must(mifare_desfire_change_key_settings(tag, 0x09));
	must(mifare_desfire_get_key_settings(tag, &settings, &max));
	check(settings == 0x09);

	must(mifare_desfire_select_application(tag, NULL));
	must(authenticate(0, DES, master, legacy));
	must(mifare_desfire_format_picc(tag));
	mifare_desfire_key_free(old);
	mifare_desfire_key_free(new);
	mifare_desfire_key_free(master);
	free(aid);
}

// picc changes the PICC master key through all types and back.
static void picc(void) {
	enum type order[] = {DES, AES, DES3, DES3K, AES, DES};
	MifareDESFireKey now = key(DES, false);
	for (size_t i = 1; i < sizeof order / sizeof *order; i++) {
		MifareDESFireKey next = key(order[i], order[i] != DES);
		must(mifare_desfire_select_application(tag, NULL));
		must(authenticate(0, order[i - 1], now, false));
		must(mifare_desfire_change_key(tag, 0, next, NULL));
		now = next;
	}
	must(authenticate(0, DES, now, true));
}

int main(void) {
	for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = 17 * i + 1;
	nfc_context *context;
	nfc_init(&context);
	nfc_device *device = nfc_open(context, NULL);
	if (device == NULL) errx(1, "no reader");
	MifareTag *tags = freefare_get_tags(device);
	if (tags == NULL || tags[0] == NULL) errx(1, "no card");
	tag = tags[0];
	must(mifare_desfire_connect(tag));
	for (enum type t = DES; t <= AES; t++) application(t, false);
	application(DES, true);
	application(DES3, true);
	picc();
	must(mifare_desfire_disconnect(tag));
	freefare_free_tags(tags);
	nfc_close(device);
	nfc_exit(context);
	return 0;
}
