/* The one table of commands after login, and the state in which each is allowed (RFC 3501, 6). */
#include "imapd/imap.h"

const struct imap_command imap_commands[] = {
    /* any state */
    { "CAPABILITY", imap_capability, IMAP_ANY, IMAP_SYNC_ALL },
    { "NOOP", imap_noop, IMAP_ANY, IMAP_SYNC_ALL },
    { "LOGOUT", imap_logout, IMAP_ANY, IMAP_SYNC_NONE },
    { "ID", imap_id, IMAP_ANY, IMAP_SYNC_ALL },
    { "ENABLE", imap_enable, IMAP_ANY, IMAP_SYNC_ALL },
    /* mailboxes */
    { "SELECT", imap_select, IMAP_ANY, IMAP_SYNC_NONE },
    { "EXAMINE", imap_examine, IMAP_ANY, IMAP_SYNC_NONE },
    { "CREATE", imap_create, IMAP_ANY, IMAP_SYNC_ALL },
    { "DELETE", imap_delete, IMAP_ANY, IMAP_SYNC_ALL },
    { "RENAME", imap_rename, IMAP_ANY, IMAP_SYNC_ALL },
    { "SUBSCRIBE", imap_subscribe, IMAP_ANY, IMAP_SYNC_ALL },
    { "UNSUBSCRIBE", imap_unsubscribe, IMAP_ANY, IMAP_SYNC_ALL },
    { "LIST", imap_list, IMAP_ANY, IMAP_SYNC_ALL },
    { "LSUB", imap_lsub, IMAP_ANY, IMAP_SYNC_ALL },
    { "NAMESPACE", imap_namespace, IMAP_ANY, IMAP_SYNC_ALL },
    { "STATUS", imap_status, IMAP_ANY, IMAP_SYNC_ALL },
    { "APPEND", imap_append, IMAP_ANY, IMAP_SYNC_ALL },
    { "IDLE", imap_idle, IMAP_ANY, IMAP_SYNC_ALL },
    /* the selected mailbox */
    { "CHECK", imap_check, IMAP_SELECTED, IMAP_SYNC_ALL },
    { "CLOSE", imap_close, IMAP_SELECTED, IMAP_SYNC_NONE },
    { "UNSELECT", imap_unselect_command, IMAP_SELECTED, IMAP_SYNC_NONE },
    { "EXPUNGE", imap_expunge, IMAP_SELECTED, IMAP_SYNC_ALL },
    { "UID EXPUNGE", imap_expunge, IMAP_SELECTED, IMAP_SYNC_ALL },
    { "SEARCH", imap_search, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "UID SEARCH", imap_search, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "SORT", imap_sort, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "UID SORT", imap_sort, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "THREAD", imap_thread, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "UID THREAD", imap_thread, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "FETCH", imap_fetch, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "UID FETCH", imap_fetch, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "STORE", imap_store, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "UID STORE", imap_store, IMAP_SELECTED, IMAP_SYNC_KEEP },
    { "COPY", imap_copy, IMAP_SELECTED, IMAP_SYNC_ALL },
    { "UID COPY", imap_copy, IMAP_SELECTED, IMAP_SYNC_ALL },
    { "MOVE", imap_move, IMAP_SELECTED, IMAP_SYNC_ALL },
    { "UID MOVE", imap_move, IMAP_SELECTED, IMAP_SYNC_ALL },
    { NULL, NULL, 0, IMAP_SYNC_NONE },
};

const struct imap_command *imap_command_find(struct bytes name)
{
    for (const struct imap_command *command = imap_commands; command->name; command++)
        if (bytes_equal_nocase(name, bytes_of(command->name)))
            return command;
    return NULL;
}
