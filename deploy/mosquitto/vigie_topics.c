/* A plugin for Mosquitto 2: where a message belongs that does not say whose it is.
 *
 * Stock clients of ThingsBoard publish under v1/devices/me/..., v1/gateway/... and v2/...; who speaks stands only in CONNECT.
 * What they say goes on under vigie/USER/thingsboard/..., which is that machine's own. Build and use:
 *
 *   cc -shared -fPIC -O2 -Wall -Wextra -o vigie_topics.so vigie_topics.c     (Debian: mosquitto-dev libmosquitto-dev)
 *   plugin /path/to/vigie_topics.so                                          (in mosquitto.conf)
 */
#include <stdio.h>
#include <string.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#define LONGEST 65535

static mosquitto_plugin_id_t *plugin;

static int nameless(const char *topic) {
    return !strncmp(topic, "v1/devices/me/", 14) || !strncmp(topic, "v1/gateway/", 11) || !strncmp(topic, "v2/", 3);
}

/* The broker frees what it is given, so the new topic comes from its own allocator. */
static int on_message(int event, void *data, void *unused) {
    struct mosquitto_evt_message *message = data;
    const char *user;
    char *topic;
    size_t length;

    (void)event;
    (void)unused;
    if (!message->topic || !nameless(message->topic)) return MOSQ_ERR_SUCCESS;
    user = mosquitto_client_username(message->client);
    if (!user) return MOSQ_ERR_ACL_DENIED;
    length = strlen("vigie//thingsboard/") + strlen(user) + strlen(message->topic) + 1;
    if (length > LONGEST) return MOSQ_ERR_ACL_DENIED;
    topic = mosquitto_malloc(length);
    if (!topic) return MOSQ_ERR_NOMEM;
    snprintf(topic, length, "vigie/%s/thingsboard/%s", user, message->topic);
    message->topic = topic;
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_version(int count, const int *versions) {
    for (int i = 0; i < count; i++)
        if (versions[i] == 5) return 5;
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **data, struct mosquitto_opt *options, int count) {
    (void)data;
    (void)options;
    (void)count;
    plugin = id;
    return mosquitto_callback_register(plugin, MOSQ_EVT_MESSAGE, on_message, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *data, struct mosquitto_opt *options, int count) {
    (void)data;
    (void)options;
    (void)count;
    return mosquitto_callback_unregister(plugin, MOSQ_EVT_MESSAGE, on_message, NULL);
}
