#include "control/cli/completion.h"

#include <stdlib.h>
#include <string.h>

#include "control/cli/commands.h"
#include "lictor/bytes.h"

#define WORDS_MAX 256

// A line's words; the last may be empty. They point into the copy.
struct words {
        char *copy;
        char *list[WORDS_MAX];
        size_t count;
};

// Cuts a line as a shell does, but for what it would expand.
static int cut_words(const char *line, size_t length, struct words *out)
{
        char *to, quote = '\0';
        bool inside = false;

        *out = (struct words){.copy = malloc(length + 2)};
        to = out->copy;
        if (to == NULL)
                return -1;
        for (size_t i = 0; i < length; i++) {
                char c = line[i];

                if (quote == '\0' && (c == ' ' || c == '\t')) {
                        if (inside)
                                *to++ = '\0';
                        inside = false;
                        continue;
                }
                if (!inside && out->count == WORDS_MAX - 1)
                        return -1;
                if (!inside)
                        out->list[out->count++] = to;
                inside = true;
                if (quote == '\0' && (c == '"' || c == '\''))
                        quote = c;
                else if (c == quote)
                        quote = '\0';
                else if (c == '\\' && quote != '\'' && i + 1 < length)
                        *to++ = line[++i];
                else
                        *to++ = c;
        }
        if (!inside)
                out->list[out->count++] = to;
        *to = '\0';
        return 0;
}

struct offer {
        const char *prefix; // what candidates have to begin with
        const char *before; // what stands before it in the word that is replaced
        bool describe;
        FILE *out;
};

static void offer(const struct offer *offer, const char *dash, const char *name, const char *about)
{
        const char *prefix = offer->prefix;
        size_t dashes = strlen(dash);

        if (strncmp(prefix, dash, dashes) != 0 && *prefix != '\0')
                return;
        if (*prefix != '\0' && strncmp(prefix + dashes, name, strlen(prefix + dashes)) != 0)
                return;
        fprintf(offer->out, "%s%s%s", offer->before, dash, name);
        if (offer->describe)
                fprintf(offer->out, "\t%s", about);
        fputc('\n', offer->out);
}

static const struct flag *find_flag(const struct flag_set *set, const char *word)
{
        const char *name = word + (word[0] == '-') + (word[0] == '-' && word[1] == '-');
        size_t length = strcspn(name, "=");

        for (size_t i = 0; set != NULL && word[0] == '-' && i < set->flag_count; i++) {
                const char *known = set->flags[i].name;

                if (strlen(known) == length && strncmp(known, name, length) == 0)
                        return &set->flags[i];
        }
        return NULL;
}

static bool takes_next(const struct flag *flag, const char *word)
{
        return flag != NULL && flag->kind != FLAG_BOOL && strchr(word, '=') == NULL;
}

static void offer_flags(const struct flag_set *set, struct offer *to)
{
        // Two dashes are as good as one, and are kept.
        const char *dash = strncmp(to->prefix, "--", 2) == 0 ? "--" : "-";

        for (size_t i = 0; set != NULL && i < set->flag_count; i++)
                offer(to, dash, set->flags[i].name, set->flags[i].help);
        offer(to, dash, "help", "Say what this is and which flags it takes");
}

static void offer_values(const char *value, bool boolean, struct offer *to)
{
        static const char *const values[] = {"true", "false"};

        to->prefix = value;
        for (size_t i = 0; boolean && i < ARRAY_LEN(values); i++)
                offer(to, "", values[i], "");
}

static void offer_first(struct offer *to)
{
        static const char *const flags[][2] = {
            {"autocomplete-install", "Have shells complete this program's commands"},
            {"autocomplete-uninstall", "Undo -autocomplete-install"},
            {"help", "List the commands"},
            {"version", "Print the version"},
        };
        const char *dash = strncmp(to->prefix, "--", 2) == 0 ? "--" : "-";

        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                offer(to, dash, flags[i][0], flags[i][1]);
}

static void offer_parts(const struct command *parts, const struct offer *to)
{
        for (; parts->name != NULL; parts++)
                offer(to, "", parts->name, parts->about);
}

// What may stand in place of the last word.
static void complete(const struct words *words, struct offer *to)
{
        const struct command *at = NULL, *parts = commands;
        const char *last = words->list[words->count - 1], *equals = strchr(last, '=');
        const struct flag *flag = NULL;
        size_t i = 1;

        for (; parts != NULL && i + 1 < words->count; i++) {
                at = command_find(parts, words->list[i]);
                // Behind what is no command nothing is known.
                if (at == NULL)
                        return;
                parts = at->parts;
        }
        if (parts != NULL) {
                if (last[0] == '-' && at == NULL)
                        offer_first(to);
                else if (last[0] == '-')
                        offer_flags(NULL, to);
                else
                        offer_parts(parts, to);
                return;
        }
        for (; i + 1 < words->count; i++) {
                flag = find_flag(at->flags, words->list[i]);
                if (takes_next(flag, words->list[i]))
                        i++;
                else if (words->list[i][0] != '-')
                        return;
        }
        // The loop has run past the last word when that is a flag's value.
        if (i >= words->count)
                return;
        flag = find_flag(at->flags, last);
        if (flag != NULL && equals != NULL)
                offer_values(equals + 1, flag->kind == FLAG_BOOL, to);
        else if (last[0] == '-')
                offer_flags(at->flags, to);
}

int completion_print(const struct completion_request *request, FILE *out)
{
        size_t length = strlen(request->line);
        char before[256] = "";
        struct offer to = {.describe = request->describe, .out = out, .before = before};
        struct words words;
        unsigned long point = request->point != NULL ? strtoul(request->point, NULL, 10) : length;

        if (cut_words(request->line, point < length ? point : length, &words) < 0) {
                free(words.copy);
                return 1;
        }
        if (words.count > 1) {
                const char *last = words.list[words.count - 1], *equals = strchr(last, '=');

                to.prefix = last;
                // bash takes a value for a word of its own, others do not.
                if (equals != NULL && (request->word == NULL || strchr(request->word, '=') != NULL))
                        snprintf(before, sizeof(before), "%.*s", (int)(equals - last) + 1, last);
                complete(&words, &to);
        }
        free(words.copy);
        return 0;
}
