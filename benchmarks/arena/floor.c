/* The floor: whatever one connection says is handed to all members by one send() each, and nothing else is done.
 * A connection begins with 'm' (a member) or 's' (speaks only) and LF, and is answered "in\n". floor PORT */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST = 65536 };
static int members[MOST], count;
static char greeted[MOST];

static void drop(int fd) {
    for (int i = 0; i < count; i++)
        if (members[i] == fd) members[i--] = members[--count];
    close(fd);
    greeted[fd] = 0;
}

static void hear(int fd) {
    static char data[65536];
    ssize_t size = recv(fd, data, sizeof data, 0);
    if (size <= 0) {
        drop(fd);
    } else if (!greeted[fd]) {
        greeted[fd] = 1;
        if (data[0] == 'm') members[count++] = fd;
        send(fd, "in\n", 3, MSG_NOSIGNAL);
    } else {
        for (int i = 0; i < count; i++) send(members[i], data, size, MSG_NOSIGNAL);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int door = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), yes = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door, (struct sockaddr *)&at, sizeof at) || listen(door, 4096)) return 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = door}, ready[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, door, &event);
    for (;;) {
        int found = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            if (fd != door) {
                hear(fd);
                continue;
            }
            fd = accept(door, NULL, NULL);
            if (fd < 0 || fd >= MOST) continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            event.data.fd = fd;
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
