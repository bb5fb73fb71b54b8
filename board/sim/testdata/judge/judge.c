/*
 * A judge of emulated DESFire cards, and of what Latchkey writes to them: libfreefare
 * 0.4.0 authenticates with AES, checks every CMAC and CRC of the card, and changes both
 * kinds of key, its own session's and another one, and back again.
 *
 * usage: judge AID PICC-KEY APP-KEY-0 APP-KEY-1 VERSION
 *
 * AID is 3 bytes as they are sent, keys are 16 bytes, VERSION is the keys' version, all
 * in hex. LIBNFC_DEVICE names the reader. It prints what it has shown, and ends with 1 at
 * the first thing that fails.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <freefare.h>
#include <nfc/nfc.h>

static MifareTag card;
static const uint8_t other_version = 0x5a;

static void
must(const char *what, int ok)
{
	if (!ok) {
		fprintf(stderr, "failed: %s (card's error %02x, reader's %02x)\n", what,
		    card ? mifare_desfire_last_picc_error(card) : 0, card ? mifare_desfire_last_pcd_error(card) : 0);
		exit(1);
	}
	printf("%s\n", what);
}

static void
hex(const char *text, uint8_t *to, size_t n)
{
	if (strlen(text) != 2 * n) {
		fprintf(stderr, "%s: not %zu bytes in hex\n", text, n);
		exit(2);
	}
	for (size_t i = 0; i < n; i++) {
		unsigned int b;
		if (sscanf(text + 2 * i, "%2x", &b) != 1) {
			fprintf(stderr, "%s: not hex\n", text);
			exit(2);
		}
		to[i] = (uint8_t)b;
	}
}

/* there_and_back changes a key to another one and back, in sessions of authenticating. */
static void
there_and_back(const char *what, uint8_t no, uint8_t session, MifareDESFireKey key, MifareDESFireKey old, MifareDESFireKey other)
{
	uint8_t version;
	char line[128];

	snprintf(line, sizeof(line), "%s: key %d is changed", what, no);
	must(line, mifare_desfire_change_key(card, no, other, old) == 0);
	if (no == session)
		must("the new key authenticates", mifare_desfire_authenticate_aes(card, no, other) == 0);
	must("its version is read", mifare_desfire_get_key_version(card, no, &version) == 0 && version == other_version);
	must("and it is changed back", mifare_desfire_change_key(card, no, old, other) == 0);
	must("the session's key authenticates again", mifare_desfire_authenticate_aes(card, session, key) == 0);
}

int
main(int argc, char *argv[])
{
	uint8_t aid_bytes[3], keys[3][16], version, other_bytes[16];

	if (argc != 6) {
		fprintf(stderr, "usage: judge AID PICC-KEY APP-KEY-0 APP-KEY-1 VERSION\n");
		return 2;
	}
	hex(argv[1], aid_bytes, 3);
	for (int i = 0; i < 3; i++)
		hex(argv[2 + i], keys[i], 16);
	hex(argv[5], &version, 1);
	for (int i = 0; i < 16; i++)
		other_bytes[i] = (uint8_t)(0xa0 + i);
	MifareDESFireKey picc = mifare_desfire_aes_key_new_with_version(keys[0], version);
	MifareDESFireKey master = mifare_desfire_aes_key_new_with_version(keys[1], version);
	MifareDESFireKey proof = mifare_desfire_aes_key_new_with_version(keys[2], version);
	MifareDESFireKey other = mifare_desfire_aes_key_new_with_version(other_bytes, other_version);

	nfc_context *context;
	nfc_init(&context);
	if (context == NULL) {
		fprintf(stderr, "failed: libnfc starts\n");
		return 1;
	}
	nfc_device *device = nfc_open(context, NULL);
	must("the reader is opened", device != NULL);
	MifareTag *tags = freefare_get_tags(device);
	must("there is one card", tags != NULL && tags[0] != NULL && tags[1] == NULL);
	must("it is a DESFire", freefare_get_tag_type(tags[0]) == DESFIRE);
	card = tags[0];
	must("it is selected", mifare_desfire_connect(card) == 0);

	MifareDESFireAID aid = mifare_desfire_aid_new(aid_bytes[0] | aid_bytes[1] << 8 | aid_bytes[2] << 16);
	must("the application is there", mifare_desfire_select_application(card, aid) == 0);
	must("a wrong key does not authenticate", mifare_desfire_authenticate_aes(card, 0, other) != 0);
	must("the application is there still", mifare_desfire_select_application(card, aid) == 0);
	must("the proving key authenticates", mifare_desfire_authenticate_aes(card, 1, proof) == 0);
	char *uid = NULL;
	must("the UID is read, enciphered", mifare_desfire_get_card_uid(card, &uid) == 0);
	must("it is the one of the anticollision", strcmp(uid, freefare_get_tag_uid(card)) == 0);
	must("the proving key changes nothing", mifare_desfire_change_key(card, 0, other, master) != 0);

	must("the application is selected again", mifare_desfire_select_application(card, aid) == 0);
	must("the master key authenticates", mifare_desfire_authenticate_aes(card, 0, master) == 0);
	uint8_t settings, count;
	must("the settings are read", mifare_desfire_get_key_settings(card, &settings, &count) == 0 && settings == 0x0b && (count & 0x0f) == 2);
	there_and_back("another key", 1, 0, master, proof, other);
	there_and_back("the session's own key", 0, 0, master, master, other);

	MifareDESFireAID level = mifare_desfire_aid_new(0);
	must("the PICC level is selected", mifare_desfire_select_application(card, level) == 0);
	must("the PICC master key authenticates", mifare_desfire_authenticate_aes(card, 0, picc) == 0);
	there_and_back("the PICC master key", 0, 0, picc, picc, other);
	must("without it nobody formats the card: selected", mifare_desfire_select_application(card, level) == 0);
	must("format is refused", mifare_desfire_format_picc(card) != 0);

	freefare_free_tags(tags);
	nfc_close(device);
	nfc_exit(context);
	return 0;
}
