// The functions of cuRAND's host library that every brian2cuda program links, for programs that draw no number by
// them: 100 MB need not be carried. Whoever asks for a number all the same is told that it failed.
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
}
