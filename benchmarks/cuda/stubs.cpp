// What programs link but do not need, so that they start on a bare machine.
//
// The functions of cuRAND's host library, of 100 MB, for programs that draw no number by them; whoever asks for one all
// the same is told that it failed. And the one function for which libstdc++ would ask for glibc 2.36.
#include <sys/random.h>

namespace {
const int SUCCESS = 0, NOT_INITIALIZED = 101;
}

extern "C" {
int curandCreateGenerator(void** generator, int) { return *generator = 0, SUCCESS; }
int curandDestroyGenerator(void*) { return SUCCESS; }
int curandSetPseudoRandomGeneratorSeed(void*, unsigned long long) { return SUCCESS; }
int curandSetGeneratorOffset(void*, unsigned long long) { return SUCCESS; }
int curandGenerateUniform(void*, float*, unsigned long) { return NOT_INITIALIZED; }
int curandGenerateUniformDouble(void*, double*, unsigned long) { return NOT_INITIALIZED; }
int curandGenerateNormal(void*, float*, unsigned long, float, float) { return NOT_INITIALIZED; }
int curandGenerateNormalDouble(void*, double*, unsigned long, double, double) { return NOT_INITIALIZED; }
int curandGeneratePoisson(void*, unsigned*, unsigned long, double) { return NOT_INITIALIZED; }
unsigned arc4random() {
    unsigned number = 0;
    while (getrandom(&number, sizeof number, 0) != sizeof number) {}
    return number;
}
}
