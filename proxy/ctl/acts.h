/* What each verb does: one request, and for what takes long the waiting for its end.  All return enum
 * ctl_exit. */
#ifndef WALDRILL_PROXY_CTL_ACTS_H
#define WALDRILL_PROXY_CTL_ACTS_H

struct session;

int act_status(struct session *s);
int act_plan(struct session *s);
int act_pending(struct session *s);
int act_letters(struct session *s);
int act_letter(struct session *s);
int act_edit(struct session *s);
int act_retry(struct session *s);
int act_drop(struct session *s);
int act_pause(struct session *s);
int act_step(struct session *s);
int act_resume(struct session *s);
int act_throttle(struct session *s);
int act_force(struct session *s);
int act_ids(struct session *s);
int act_log_level(struct session *s);
int act_reload(struct session *s);
int act_drain(struct session *s);

/* waiting.c */
int act_failover(struct session *s);
int act_resync(struct session *s);
int act_compare(struct session *s);

#endif
